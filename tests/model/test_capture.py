"""A capture on its way: written and read back, refused by name, and played with its own times and texts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ScenarioError, StorageError, UsageError
from lab.model.capture import Capture, CapturedChunk, format_capture, parse_capture
from lab.model.matrix import expand
from lab.model.plan import plan_chunks
from lab.model.problems import build
from lab.model.workload import WorkloadSpec
from lab.run import catalogue
from lab.trace.captures import read_capture, write_capture

MS = 1_000_000


def _capture(*rows: tuple[int, str]) -> Capture:
    return Capture(version=1, chunks=tuple(CapturedChunk(at_ns=at_ns, text=text) for at_ns, text in rows))


THREE = _capture((100 * MS, "Wait"), (120 * MS, " for"), (120 * MS, " ☕"))

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
rows = st.lists(st.tuples(st.integers(0, 10**12), texts), min_size=1, max_size=30).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)


@given(rows, texts)
def test_it_reads_back_as_it_was_written(pairs: list[tuple[int, str]], url: str) -> None:
    capture = _capture(*pairs).model_copy(update={"url": url, "completion": "done"})
    text = format_capture(capture)
    assert parse_capture(text, "x.json") == capture
    assert len(text.splitlines()) >= len(pairs) + 2


BAD: dict[str, tuple[str, str]] = {
    "no JSON": ("data: x", "the whole file"),
    "another document": ('{"choices": []}', "version"),
    "a later version": ('{"version": 2, "chunks": [{"at_ns": 1, "text": "a"}]}', "version"),
    "no chunk": ('{"version": 1, "chunks": []}', "chunks"),
    "an empty text": ('{"version": 1, "chunks": [{"at_ns": 1, "text": ""}]}', "chunks.0.text"),
    "a time before the request": ('{"version": 1, "chunks": [{"at_ns": -1, "text": "a"}]}', "chunks.0.at_ns"),
    "half a nanosecond": ('{"version": 1, "chunks": [{"at_ns": 1.5, "text": "a"}]}', "chunks.0.at_ns"),
    "out of order": ('{"version": 1, "chunks": [{"at_ns": 2, "text": "a"}, {"at_ns": 1, "text": "b"}]}', "order"),
}


@pytest.mark.parametrize(("text", "fragment"), BAD.values(), ids=BAD)
def test_what_is_no_capture_is_refused_with_file_and_place(text: str, fragment: str) -> None:
    with pytest.raises(UsageError, match=r"some/file\.json") as caught:
        parse_capture(text, "some/file.json")
    assert fragment in str(caught.value)
    assert "lab probe --record" in str(caught.value)


def test_keys_of_a_later_lab_are_ignored() -> None:
    document = {**json.loads(format_capture(THREE)), "weather": "fine"}
    assert parse_capture(json.dumps(document), "x") == THREE


def test_the_file_is_read_back_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "new" / "three.json"
    write_capture(path, THREE)
    assert read_capture(path) == THREE
    with pytest.raises(UsageError, match=r"nowhere.json: No such file"):
        read_capture(tmp_path / "nowhere.json")
    with pytest.raises(StorageError):
        write_capture(path / "below", THREE)


def _replay(**keys: Any) -> WorkloadSpec:
    return WorkloadSpec.model_validate({"profile": "replay", "capture": THREE, **keys})


def test_a_replay_says_the_same_at_the_same_time() -> None:
    plan = plan_chunks(_replay(), "any seed")
    assert [(chunk.due_offset_ns, chunk.text) for chunk in plan] == [(c.at_ns, c.text) for c in THREE.chunks]


def test_what_shapes_other_profiles_is_the_captures_own() -> None:
    """So any scenario can play a capture with --set alone."""
    spec = _replay(interval="7ms", size="99B", first_size="99B", chunks=250)
    assert (spec.chunks, spec.interval, spec.size, spec.first_size) == (3, 10 * MS, None, None)


def test_fewer_chunks_cut_it_short_and_first_shifts_it() -> None:
    plan = plan_chunks(_replay(chunks=2, first="5ms"), "1")
    assert [chunk.due_offset_ns for chunk in plan] == [105 * MS, 125 * MS]


def test_a_resolved_replay_reads_back_as_itself() -> None:
    """As it must from run.json, without the file."""
    spec = _replay()
    written = json.loads(json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_none=True)))
    assert build(WorkloadSpec, written, "run.json") == spec


BAD_WORKLOADS: dict[str, tuple[dict[str, Any], str]] = {
    "no capture": ({"profile": "replay"}, "lab probe URL --record FILE"),
    "a name that nobody read": ({"profile": "replay", "capture": "x.json"}, "capture = 'x.json'"),
    "a bad capture": ({"profile": "replay", "capture": {"version": 1, "chunks": [3]}}, "capture.chunks.0"),
    "no chunks at all": ({"profile": "replay", "capture": THREE, "chunks": 0}, "chunks = 0"),
    "chunks in words": ({"profile": "replay", "capture": THREE, "chunks": "all"}, "chunks = 'all'"),
}


@pytest.mark.parametrize(("keys", "fragment"), BAD_WORKLOADS.values(), ids=BAD_WORKLOADS)
def test_bad_replays(keys: dict[str, Any], fragment: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        build(WorkloadSpec, keys, "x.toml")
    assert fragment in str(caught.value)


def test_a_scenario_names_captures_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_capture(tmp_path / "beside.json", THREE)
    write_capture(tmp_path / "here" / "given.json", _capture((1, "given")))
    file = tmp_path / "x.toml"
    file.write_text('[matrix]\n"workload.capture" = ["beside.json"]\n"workload.profile" = ["replay", "ticker"]\n')
    monkeypatch.chdir(tmp_path / "here")
    replay, ticker = expand(catalogue.load(str(file), {}))
    assert replay.axes == {"workload.capture": "beside.json", "workload.profile": "replay"}
    assert replay.spec.workload.capture == THREE
    assert (ticker.spec.workload.profile, ticker.spec.workload.chunks) == ("ticker", 100)
    given, _ = expand(catalogue.load(str(file), {"workload.capture": "given.json"}))
    assert plan_chunks(given.spec.workload, "1")[0].text == "given"
    with pytest.raises(UsageError, match="nowhere"):
        expand(catalogue.load(str(file), {"workload.capture": "nowhere.json"}))
