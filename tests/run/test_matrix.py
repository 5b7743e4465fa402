"""The matrix: what is stored after each repetition, what is run again, and what stops it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ChildFailed, ForgeEnded, StorageError
from lab.model.path import PathSpec
from lab.run import runs
from lab.run.forge import Resolution
from lab.run.matrix import execute, resolve_paths
from lab.run.repetition import Clocks, Evidence, Repetition
from lab.trace.records import ChunkRow, ClientRecord, ReadRow, SaidRow, StreamSaid, StreamSeen, WriteRow
from lab.trace.store import Run, open_run
from tests.run import tiny

MS = 1_000_000
Answer = Callable[[Repetition], Evidence]


def _evidence(repetition: Repetition, *, late_ms: float = 0.0, error: str | None = None, end: int = 0) -> Evidence:
    """Five chunks of ten bytes, each read a millisecond after it was due and emitted `late_ms` late."""
    said = StreamSaid(1, 40_000, 8000, 0, [], [], {"TCP_NODELAY": (1, 1)})
    seen = StreamSeen(1, 0, 1, 1, 0, 40_000, 8000, 0, 0, 0, MS, MS, 60 * MS, 200, "error" if error else "done", error)
    for n in range(5):
        due_ns, late_ns = 5 * n * MS, round(late_ms * MS)
        emit_ns = due_ns + late_ns
        said.chunks.append(SaidRow(10 * n, 10 * n + 10, n + 1, due_ns, emit_ns, "x"))
        said.writes.append(WriteRow(10 * n, 10, 0, emit_ns, emit_ns))
        seen.reads.append(ReadRow(10 * n, 10, None, emit_ns + MS))
        seen.chunks.append(ChunkRow(10 * n + 10 + end, "x", emit_ns + MS, n + 1))
    clocks = Clocks(0, 0, 0), Clocks(60 * MS, 60 * MS, 60 * MS)
    return Evidence([said], ClientRecord([seen], {"TCP_NODELAY": (1, 1)}), None, *clocks, 0)


class _Forge:
    """Answers as it is told, in turn; the last answer holds for all that follow."""

    def __init__(self, *answers: Answer | BaseException) -> None:
        self.asked: list[Repetition] = []
        self.resolved: list[tuple[PathSpec, str]] = []
        self._answers = list(answers)

    def conduct(self, repetition: Repetition) -> Evidence:
        self.asked.append(repetition)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(repetition)

    def resolve(self, path: PathSpec, client_kind: str = "raw") -> Resolution:
        self.resolved.append((path, client_kind))
        return tiny.HERE


class _Watcher:
    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int, str]] = []
        self.left_s: list[float] = []

    def started(self, cell: str, done: int, total: int, left_s: float) -> None:
        self.left_s.append(left_s)

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        self.left_s.append(left_s)
        self.lines.append((f"{cell} #{rep}", done, total, verdict))

    def note(self, text: str) -> None:
        raise AssertionError(text)


def _run(out: Path, document: dict[str, Any] | None = None, repeat: int = 1) -> Run:
    scenario, cells = tiny.scenario(document, repeat=repeat), tiny.cells(document)
    return runs.create(scenario, {}, cells, {cell.name: tiny.HERE for cell in cells}, out)


def _execute(run: Run, forge: _Forge) -> _Watcher:
    watcher = _Watcher()
    execute(run, forge, watcher)  # type: ignore[arg-type]
    return watcher


def good(repetition: Repetition) -> Evidence:
    return _evidence(repetition)


def late(repetition: Repetition) -> Evidence:
    """A quarter of the interval is 1.25 ms."""
    return _evidence(repetition, late_ms=3)


def test_every_repetition_is_stored_and_the_run_is_finished(tmp_path: Path) -> None:
    run = _run(tmp_path, tiny.TWO_FLUSHES, repeat=2)
    forge = _Forge(good)
    watcher = _execute(run, forge)
    stored = open_run(run.path)
    assert stored.info.finished
    assert stored.info.status.filled == 4
    assert stored.table("chunks").num_rows == 4 * 5
    assert sorted((each.cell, each.rep, each.slot) for each in stored.info.repetitions) == [
        ("end", 1, 1), ("end", 2, 2), ("every", 1, 1), ("every", 2, 2),
    ]  # fmt: skip
    assert [each.seed for each in forge.asked] == ["1/1", "1/1", "1/2", "1/2"]
    assert [line[1:] for line in watcher.lines] == [(n, 4, "ok") for n in (1, 2, 3, 4)]
    assert watcher.left_s[-1] == 0
    assert watcher.left_s[0] > watcher.left_s[2] > 0


def test_what_is_invalid_is_run_again_in_its_slot(tmp_path: Path) -> None:
    run = _run(tmp_path)
    watcher = _execute(run, _Forge(late, good))
    assert [(each.rep, each.slot, each.valid) for each in run.info.repetitions] == [(1, 1, False), (2, 1, True)]
    assert "the server produced its chunks late" in run.info.repetitions[0].reasons[0]
    assert watcher.lines[0][3].endswith("(it will be run again)")
    assert watcher.lines[1] == ("only #2", 2, 2, "ok")
    assert open_run(run.path).table("chunks").num_rows == 10


def test_what_stays_invalid_is_given_up(tmp_path: Path) -> None:
    run = _run(tmp_path)
    watcher = _execute(run, _Forge(late))
    assert [each.valid for each in run.info.repetitions] == [False] * 3
    assert run.info.finished
    assert "again" not in watcher.lines[-1][3]


INVALID: dict[str, tuple[Answer, str]] = {
    "a stream that failed": (
        lambda each: _evidence(each, error="connecting to x: Connection refused"),
        "1 of 1 streams failed: connecting to x: Connection refused",
    ),
    "sides that contradict each other": (
        lambda each: _evidence(each, end=1),
        "server and client disagree about 5 chunks",
    ),
}


@pytest.mark.parametrize(("answer", "reason"), INVALID.values(), ids=INVALID)
def test_what_makes_a_repetition_invalid(tmp_path: Path, answer: Answer, reason: str) -> None:
    run = _run(tmp_path)
    _execute(run, _Forge(answer))
    assert reason in run.info.repetitions[0].reasons


def test_a_process_that_died_costs_its_own_repetition(tmp_path: Path) -> None:
    run = _run(tmp_path, repeat=3)
    _execute(run, _Forge(good, ChildFailed("the relay was killed by SIGKILL", "its\nlast words"), good))
    errors = [each.error for each in run.info.repetitions]
    assert errors == [None, "the relay was killed by SIGKILL\nits\nlast words", None]
    assert open_run(run.path).table("chunks").num_rows == 10
    assert run.info.finished


STOPS: dict[str, BaseException] = {"the forge ended": ForgeEnded("it ended"), "Ctrl-C": KeyboardInterrupt()}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_stops_the_matrix_keeps_what_is_finished_and_can_be_resumed(tmp_path: Path, stop: BaseException) -> None:
    run = _run(tmp_path, repeat=4)
    with pytest.raises(type(stop)):
        _execute(run, _Forge(good, late, stop))
    stored = runs.reopen(run.path)
    assert [each.valid for each in stored.info.repetitions] == [True, False]
    forge = _Forge(good)
    _execute(stored, forge)
    assert [(each.rep, each.slot) for each in forge.asked] == [(3, 2), (4, 3), (5, 4)]
    assert open_run(run.path).info.status.filled == 4


def test_a_disk_that_refuses_stops_the_matrix(tmp_path: Path) -> None:
    run = _run(tmp_path)
    (run.path / "chunks").write_text("in the way")
    with pytest.raises(StorageError, match="chunks"):
        _execute(run, _Forge(good))
    assert open_run(run.path).info.repetitions == []


def test_the_machine_is_asked_for_each_kind_of_client_too() -> None:
    document = {"matrix": {"client.kind": ["raw", "browser"], "server.flush": ["every", "end"]}}
    forge = _Forge(good)
    resolve_paths(forge, tiny.cells(document))  # type: ignore[arg-type]
    assert [kind for _, kind in forge.resolved] == ["raw", "browser"]


def test_the_machine_is_asked_once_for_each_kind_of_path() -> None:
    document = {"matrix": {"path": ["loopback", "lan"], "server.flush": ["every", "end", "none"]}}
    forge = _Forge(good)
    resolutions = resolve_paths(forge, tiny.cells(document))  # type: ignore[arg-type]
    assert len(forge.resolved) == 2
    assert set(resolutions) == {cell.name for cell in tiny.cells(document)}


def test_a_server_that_runs_already_has_no_path_of_the_lab() -> None:
    document = {"matrix": {"server.url": ["", "http://127.0.0.1:1"]}}
    resolutions = resolve_paths(_Forge(good), tiny.cells(document))  # type: ignore[arg-type]
    assert [resolution.backend for resolution in resolutions.values()] == ["loopback", "none"]
