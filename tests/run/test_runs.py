"""A run's directory: its own, linked as the latest, and true enough to go on from."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.errors import StorageError, UsageError
from lab.run import runs
from lab.run.forge import Resolution
from lab.run.schedule import ATTEMPTS
from lab.trace.run_info import RUN_FILE, RepetitionInfo
from lab.trace.store import Run, open_run
from tests.run import tiny

MISSING = Resolution(None, "no TUN device", "Run as root")


def _create(
    out: Path, document: dict[str, Any] | None = None, resolution: Resolution = tiny.HERE, **header: Any
) -> Run:
    scenario, cells = tiny.scenario(document, **header), tiny.cells(document)
    return runs.create(scenario, {}, cells, {cell.name: resolution for cell in cells}, out)


def test_the_index_says_what_is_to_be_run(tmp_path: Path) -> None:
    run = _create(tmp_path / "deep" / "results", tiny.TWO_FLUSHES, repeat=4, seed=9)
    info = open_run(run.path).info
    assert info == run.info
    assert (info.seed, info.repeat, info.finished, info.source) == (9, 4, False, "tiny.toml")
    assert [(cell.cell, cell.axes) for cell in info.cells] == [
        ("every", {"server.flush": "every"}),
        ("end", {"server.flush": "end"}),
    ]
    assert {cell.backend for cell in info.cells} == {"loopback"}
    assert info.cells[0].settings["workload"]["interval"] == "5ms"  # type: ignore[index,call-overload]
    assert info.environment["kernel"] == os.uname().release


def test_the_latest_is_a_relative_link_to_the_newest(tmp_path: Path) -> None:
    first = _create(tmp_path)
    assert (tmp_path / "latest").resolve() == first.path
    second = _create(tmp_path, name="other")
    assert os.readlink(tmp_path / "latest") == second.path.name
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_runs_of_the_same_second_have_directories_of_their_own(tmp_path: Path) -> None:
    paths = [_create(tmp_path).path for _ in range(4)]
    assert len(set(paths)) == 4
    assert all((path / RUN_FILE).is_file() and path.name.startswith("tiny-2") for path in paths)


def test_a_cell_that_cannot_run_here_is_skipped_with_reason_and_remedy(tmp_path: Path) -> None:
    run = _create(tmp_path, resolution=MISSING)
    (cell,) = run.info.cells
    assert cell.skipped is not None
    assert (cell.skipped.reason, cell.skipped.remedy) == ("no TUN device", "Run as root")
    assert (cell.backend, cell.backend_reason) == (None, None)
    assert runs.cells_of(run) == []


def test_the_cells_of_a_stored_run_are_those_that_were_resolved(tmp_path: Path) -> None:
    document = {**tiny.TWO_FLUSHES, "path": {"preset": "wifi", "down": {"loss": {"packets": [3]}}}}
    run = _create(tmp_path, document)
    assert runs.cells_of(open_run(run.path)) == tiny.cells(document)


def test_a_cell_of_another_lab_is_refused_with_words(tmp_path: Path) -> None:
    run = _create(tmp_path)
    stored = json.loads((run.path / RUN_FILE).read_text())
    stored["cells"][0]["settings"]["server"]["warp"] = True
    (run.path / RUN_FILE).write_text(json.dumps(stored))
    with pytest.raises(StorageError, match=r"unknown key 'server\.warp'.*another version of the lab"):
        runs.cells_of(open_run(run.path))


def test_a_finished_run_cannot_be_resumed(tmp_path: Path) -> None:
    run = _create(tmp_path)
    assert runs.reopen(run.path).info == run.info
    run.info.finished = True
    runs.save(run)
    with pytest.raises(UsageError, match="is finished: there is nothing to resume"):
        runs.reopen(tmp_path / "latest")


def _entry(rep: int, slot: int, *, valid: bool = False, error: str | None = None) -> RepetitionInfo:
    return RepetitionInfo(cell="only", rep=rep, slot=slot, valid=valid, error=error, started_ns=0, finished_ns=0)


PASTS: dict[str, tuple[list[RepetitionInfo], dict[tuple[str, int], int]]] = {
    "nothing": ([], {}),
    "valid": ([_entry(1, 1, valid=True)], {("only", 1): ATTEMPTS}),
    "invalid": ([_entry(1, 1), _entry(2, 1)], {("only", 1): 2}),
    "invalid, then valid": ([_entry(1, 1), _entry(2, 1, valid=True)], {("only", 1): ATTEMPTS}),
    "broken does not count": ([_entry(1, 1, error="killed")], {}),
    "slots are counted apart": ([_entry(1, 1), _entry(2, 2, valid=True)], {("only", 1): 1, ("only", 2): ATTEMPTS}),
}


@pytest.mark.parametrize(("entries", "past"), PASTS.values(), ids=PASTS)
def test_past_attempts(tmp_path: Path, entries: list[RepetitionInfo], past: dict[tuple[str, int], int]) -> None:
    run = _create(tmp_path)
    run.info.repetitions += entries
    assert runs.past_attempts(run) == past


def test_a_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"make a directory for the run in .*file.*--out"):
        _create(tmp_path / "file")


def test_a_latest_that_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(StorageError, match="link"):
        _create(tmp_path)
