"""Files that a scenario names: traces and paths of one's own are read once, travel in the cell, and are refused by line."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UsageError
from lab.model.jitter import TraceJitter
from lab.model.matrix import Cell, expand
from lab.model.path import PathSpec
from lab.model.rate import RateTrace
from lab.model.scenario import CellSpec
from lab.run import catalogue

MS = 1_000_000


def cells(directory: Path, scenario: str, **files: str | bytes) -> list[Cell]:
    """The cells of a scenario that stands in `directory` beside files, whose names have `_` for the dot."""
    for name, content in files.items():
        path = directory / name.replace("_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (directory / "s.toml").write_text(scenario)
    return expand(catalogue.load(str(directory / "s.toml"), {}))


def path_of(directory: Path, scenario: str, **files: str | bytes) -> PathSpec:
    (cell,) = cells(directory, scenario, **files)
    return cell.spec.path


def test_a_rate_trace_for_one_direction(tmp_path: Path) -> None:
    path = path_of(tmp_path, "[path.down]\nrate = { file = 'lte.down' }\nqueue = '50p'", lte_down="0\n2\n2\n7\n")
    assert path.down.rate == RateTrace(file="lte.down", opportunities_ms=(0, 2, 2, 7))
    assert path.up.rate is None


def test_a_jitter_trace_for_both(tmp_path: Path) -> None:
    path = path_of(tmp_path, "[path]\njitter = { file = 'w.ms', reorder = true }", w_ms="0\n3.25\r\n 0.000001 \n")
    assert path.up.jitter == TraceJitter(file="w.ms", extra_ns=(0, 3_250_000, 1), reorder=True) == path.down.jitter


def test_a_trace_as_an_axis_keeps_its_name(tmp_path: Path) -> None:
    two = cells(tmp_path, "[matrix]\n'path.rate' = ['5Mbit/s', { file = 'lte.down' }]", lte_down="1")
    assert [cell.axes["path.rate"] for cell in two] == ["5Mbit/s", {"file": "lte.down"}]
    assert [cell.spec.path.up.rate for cell in two] == [5_000_000, RateTrace(file="lte.down", opportunities_ms=(1,))]


def test_the_working_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "lte.down").write_text("9")
    monkeypatch.chdir(tmp_path / "here")
    assert path_of(tmp_path, "[path]\nrate = { file = 'lte.down' }", lte_down="1").up.rate == RateTrace(
        file="lte.down", opportunities_ms=(9,)
    )


def test_a_resolved_cell_needs_its_files_no_more(tmp_path: Path) -> None:
    scenario = "path = 'own.toml'\n[matrix]\n'path.down.rate' = [{ file = 'lte.down' }]"
    (cell,) = cells(tmp_path, scenario, own_toml="delay = '7ms'\njitter = { file = 'w.ms' }", lte_down="1", w_ms="2")
    stored = json.loads(json.dumps(cell.spec.model_dump(mode="json", by_alias=True, exclude_none=True)))
    assert CellSpec.model_validate(stored) == cell.spec
    assert stored["path"]["preset"] == "own.toml"


OWN = {
    "for both": ("delay = '7ms'", (7, 7)),
    "for each": ("up.delay = '1ms'\ndown.delay = '2ms'", (1, 2)),
    "one over both": ("delay = '7ms'\n[down]\ndelay = '2ms'", (7, 2)),
    "over a shipped one": ("preset = 'wifi'\nup.delay = '7ms'", (7, 20)),
}


@pytest.mark.parametrize(("own", "delays_ms"), OWN.values(), ids=OWN)
def test_a_path_of_ones_own(own: str, delays_ms: tuple[int, int], tmp_path: Path) -> None:
    path = path_of(tmp_path, "path = 'own.toml'", own_toml=own)
    assert (path.up.delay, path.down.delay) == (delays_ms[0] * MS, delays_ms[1] * MS)
    assert path.preset == "own.toml"


def test_a_scenario_stands_over_its_path(tmp_path: Path) -> None:
    scenario = "[path]\npreset = 'own.toml'\nloss = '1%'\n[path.up]\ndelay = '1ms'\n[matrix]\n'path.rate' = ['1Mbit/s']"
    path = path_of(tmp_path, scenario, own_toml="delay = '7ms'\nrate = '9Mbit/s'")
    assert (path.up.delay, path.down.delay) == (1 * MS, 7 * MS)
    assert path.up.rate == path.down.rate == 1_000_000
    assert path.up.loss == path.down.loss != None  # noqa: E711  neither of them is


def test_a_path_as_an_axis(tmp_path: Path) -> None:
    two = cells(tmp_path, "[matrix]\npath = ['wifi', 'own.toml']", own_toml="delay = '7ms'")
    assert [(cell.name, cell.spec.path.down.delay) for cell in two] == [("wifi", 20 * MS), ("own.toml", 7 * MS)]


def test_its_traces_stand_beside_it(tmp_path: Path) -> None:
    (tmp_path / "paths").mkdir()
    (tmp_path / "paths" / "own.toml").write_text("rate = { file = 'lte.down' }")
    (tmp_path / "paths" / "lte.down").write_text("4")
    path = path_of(tmp_path, "path = 'paths/own.toml'")
    assert path.up.rate == RateTrace(file="lte.down", opportunities_ms=(4,))


RATE, JITTER, OWN_PATH = "[path]\nrate = { file = 'f' }", "[path]\njitter = { file = 'f' }", "path = 'f.toml'"
BAD: dict[str, tuple[str, str, str | bytes | None, list[str]]] = {
    "no such trace": (RATE, "f", None, ["path.rate.file = 'f'", "No such file", "beside the file that names it"]),
    "a trace of nothing": (RATE, "f", "", ["rate trace", "0 lines"]),
    "a trace that is no text": (RATE, "f", b"\xff\xfe", ["path.rate.file", "it is no text"]),
    "a word in a trace": (RATE, "f", "1\n2\nx\n", ["rate trace", "line 3", "'x'", "whole number of milliseconds"]),
    "an empty line in a trace": (RATE, "f", "1\n\n2", ["line 2", "''"]),
    "a fraction in a rate trace": (RATE, "f", "1.5", ["line 1", "'1.5'"]),
    "a negative instant": (RATE, "f", "-1", ["line 1", "'-1'"]),
    "digits of another script": (RATE, "f", "٣", ["line 1", "'٣'"]),
    "a trace that goes back": (RATE, "f", "1\n3\n2", ["line 3", "2 after 3", "in order of time"]),
    "a trace of no time": (RATE, "f", "0\n0", ["line 2", "must last"]),
    "a word in a jitter trace": (JITTER, "f", "1.5\nms", ["jitter trace", "line 2", "'ms'", "above the delay"]),
    "a negative jitter": (JITTER, "f", "-1", ["line 1", "'-1'"]),
    "a jitter that is no number": (JITTER, "f", "nan", ["line 1", "'nan'"]),
    "a jitter of days": (JITTER, "f", "1" + 9 * "0", ["line 1", "0 to 86400000"]),
    "no such path": (OWN_PATH, "f.toml", None, ["path.preset = 'f.toml'", "No such file"]),
    "a path that is no TOML": (OWN_PATH, "f.toml", "delay = ", ["f.toml", "not valid TOML"]),
    "a path over an unknown one": (OWN_PATH, "f.toml", "preset = 'wfi'", ["f.toml", "preset = 'wfi'", "wifi"]),
    "a path with an unknown key": (OWN_PATH, "f.toml", "delya = '1ms'", ["f.toml", "unknown key 'delya'", "delay"]),
    "a path with a backend": (OWN_PATH, "f.toml", "backend = 'tun'", ["f.toml", "unknown key 'backend'"]),
    "a direction that is no table": (OWN_PATH, "f.toml", "up = '1ms'", ["f.toml", "up = '1ms'", "write a table"]),
    "an impossible value in a path": (OWN_PATH, "f.toml", "loss = '200%'", ["path.up.loss", "'200%'"]),
}


@pytest.mark.parametrize(("scenario", "name", "content", "fragments"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_refused_before_anything_starts(
    scenario: str, name: str, content: str | bytes | None, fragments: list[str], tmp_path: Path
) -> None:
    files: dict[str, Any] = {} if content is None else {name.replace(".", "_"): content}
    with pytest.raises(UsageError) as caught:
        cells(tmp_path, scenario, **files)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_path_that_nobody_read_is_none() -> None:
    with pytest.raises(ValueError, match=r"own\.toml"):
        PathSpec.model_validate("own.toml")
