"""The matrix: what is stored after each repetition, what is run again, and what stops it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ChildFailed, ForgeEnded, StorageError
from lab.run import runs
from lab.run.matrix import execute, resolve_paths
from lab.run.repetition import Evidence, Repetition
from lab.trace.store import Run, open_run
from tests.run import tiny
from tests.run.fakes import Answer, FakeForge, evidence


class _Watcher:
    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int, str]] = []
        self.ran: list[tuple[str, ...]] = []
        self.left_s: list[float] = []

    def running(self, cells: Sequence[str], done: int, total: int, left_s: float) -> None:
        self.ran.append(tuple(cells))
        self.left_s.append(left_s)

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        self.left_s.append(left_s)
        self.lines.append((f"{cell} #{rep}", done, total, verdict))

    def note(self, text: str) -> None:
        raise AssertionError(text)


def _run(out: Path, document: dict[str, Any] | None = None, repeat: int = 1) -> Run:
    scenario, cells = tiny.scenario(document, repeat=repeat), tiny.cells(document)
    return runs.create(scenario, {}, cells, {cell.name: tiny.HERE for cell in cells}, out)


def _execute(run: Run, *forges: FakeForge) -> _Watcher:
    watcher = _Watcher()
    execute(run, forges, watcher)  # type: ignore[arg-type]
    return watcher


def good(repetition: Repetition) -> Evidence:
    return evidence(repetition)


def late(repetition: Repetition) -> Evidence:
    """A quarter of the interval is 1.25 ms."""
    return evidence(repetition, late_ms=3)


def test_every_repetition_is_stored_and_the_run_is_finished(tmp_path: Path) -> None:
    run = _run(tmp_path, tiny.TWO_FLUSHES, repeat=2)
    forge = FakeForge(good)
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
    watcher = _execute(run, FakeForge(late, good))
    assert [(each.rep, each.slot, each.valid) for each in run.info.repetitions] == [(1, 1, False), (2, 1, True)]
    assert "the server produced its chunks late" in run.info.repetitions[0].reasons[0]
    assert watcher.lines[0][3].endswith("(it will be run again)")
    assert watcher.lines[1] == ("only #2", 2, 2, "ok")
    assert open_run(run.path).table("chunks").num_rows == 10


def test_what_stays_invalid_is_given_up(tmp_path: Path) -> None:
    run = _run(tmp_path)
    watcher = _execute(run, FakeForge(late))
    assert [each.valid for each in run.info.repetitions] == [False] * 3
    assert run.info.finished
    assert "again" not in watcher.lines[-1][3]


INVALID: dict[str, tuple[Answer, str]] = {
    "a stream that failed": (
        lambda each: evidence(each, error="connecting to x: Connection refused"),
        "1 of 1 streams failed: connecting to x: Connection refused",
    ),
    "sides that contradict each other": (
        lambda each: evidence(each, end=1),
        "server and client disagree about 5 chunks",
    ),
}


@pytest.mark.parametrize(("answer", "reason"), INVALID.values(), ids=INVALID)
def test_what_makes_a_repetition_invalid(tmp_path: Path, answer: Answer, reason: str) -> None:
    run = _run(tmp_path)
    _execute(run, FakeForge(answer))
    assert reason in run.info.repetitions[0].reasons


def test_a_process_that_died_costs_its_own_repetition(tmp_path: Path) -> None:
    run = _run(tmp_path, repeat=3)
    _execute(run, FakeForge(good, ChildFailed("the relay was killed by SIGKILL", "its\nlast words"), good))
    errors = [each.error for each in run.info.repetitions]
    assert errors == [None, "the relay was killed by SIGKILL\nits\nlast words", None]
    assert open_run(run.path).table("chunks").num_rows == 10
    assert run.info.finished


STOPS: dict[str, BaseException] = {"the forge ended": ForgeEnded("it ended"), "Ctrl-C": KeyboardInterrupt()}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_stops_the_matrix_keeps_what_is_finished_and_can_be_resumed(tmp_path: Path, stop: BaseException) -> None:
    run = _run(tmp_path, repeat=4)
    with pytest.raises(type(stop)):
        _execute(run, FakeForge(good, late, stop))
    stored = runs.reopen(run.path)
    assert [each.valid for each in stored.info.repetitions] == [True, False]
    forge = FakeForge(good)
    _execute(stored, forge)
    assert [(each.rep, each.slot) for each in forge.asked] == [(3, 2), (4, 3), (5, 4)]
    assert open_run(run.path).info.status.filled == 4


def test_a_disk_that_refuses_stops_the_matrix(tmp_path: Path) -> None:
    run = _run(tmp_path)
    (run.path / "chunks").write_text("in the way")
    with pytest.raises(StorageError, match="chunks"):
        _execute(run, FakeForge(good))
    assert open_run(run.path).info.repetitions == []


# ---- Side by side


class _LastFirst(_Watcher):
    """Whoever was started last is over first; counts what is stored after each."""

    def __init__(self, run: Run, forges: Sequence[FakeForge]) -> None:
        super().__init__()
        self._run = run
        self._forges = forges
        self._open: list[FakeForge] = []
        self.started: list[Repetition] = []
        self.stored: list[int] = []

    def running(self, cells: Sequence[str], done: int, total: int, left_s: float) -> None:
        super().running(cells, done, total, left_s)
        for forge in self._forges:
            if forge not in self._open and forge.asked and forge.asked[-1] not in self.started:
                self._open.append(forge)
                self.started.append(forge.asked[-1])
        self._open.pop().finish()

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        super().ended(cell, rep, done, total, left_s, verdict)
        self.stored.append(len(open_run(self._run.path).info.repetitions))


def _side_by_side(run: Run, *forges: FakeForge) -> _LastFirst:
    watcher = _LastFirst(run, forges)
    execute(run, forges, watcher)  # type: ignore[arg-type]
    return watcher


def _waiting(*answers: Answer | BaseException) -> FakeForge:
    return FakeForge(*answers, waits=True)


def test_the_order_is_the_order_of_starting_and_each_is_stored_when_it_ends(tmp_path: Path) -> None:
    alone, run = _run(tmp_path, tiny.TWO_FLUSHES, repeat=3), _run(tmp_path, tiny.TWO_FLUSHES, repeat=3)
    one_by_one = FakeForge(good)
    _execute(alone, one_by_one)
    watcher = _side_by_side(run, _waiting(good), _waiting(good))
    order = [(each.cell.name, each.slot, each.seed) for each in one_by_one.asked]
    assert [(each.cell.name, each.slot, each.seed) for each in watcher.started] == order
    assert [(each.cell, each.slot) for each in run.info.repetitions][-1] == order[0][:2]
    assert watcher.stored == [1, 2, 3, 4, 5, 6]
    assert all(len(cells) == 2 for cells in watcher.ran[:-1])
    assert open_run(run.path).info.finished
    assert open_run(run.path).info.status == open_run(alone.path).info.status
    assert watcher.left_s[-1] == 0


def test_what_must_run_alone_waits_and_nothing_overtakes_it(tmp_path: Path) -> None:
    document = {"matrix": {"client.read_delay": ["0ms", "5ms"]}}
    run = _run(tmp_path, document, repeat=4)
    watcher = _side_by_side(run, _waiting(good), _waiting(good))
    alone = FakeForge(good)
    _execute(_run(tmp_path, document, repeat=4), alone)
    assert [each.cell.name for each in watcher.started] == [each.cell.name for each in alone.asked]
    assert {cells for cells in watcher.ran if "5ms" in cells} == {("5ms",)}
    assert ("0ms", "0ms") in watcher.ran


def test_a_cell_runs_beside_itself_under_numbers_of_its_own(tmp_path: Path) -> None:
    run = _run(tmp_path, repeat=4)
    watcher = _side_by_side(run, *[_waiting(good) for _ in range(3)])
    assert [(each.rep, each.slot) for each in watcher.started] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert [each.rep for each in run.info.repetitions] == [3, 4, 2, 1]
    assert open_run(run.path).table("chunks").num_rows == 4 * 5


def test_what_is_invalid_beside_others_is_run_again_too(tmp_path: Path) -> None:
    run = _run(tmp_path, repeat=2)
    watcher = _side_by_side(run, _waiting(good), _waiting(late, good))
    assert [(each.rep, each.slot, each.valid) for each in run.info.repetitions] == [
        (2, 2, False), (3, 2, True), (1, 1, True),
    ]  # fmt: skip
    assert watcher.lines[0][3].endswith("(it will be run again)")
    assert [line[1:3] for line in watcher.lines] == [(1, 3), (2, 3), (3, 3)]


def test_one_that_is_run_again_when_nothing_else_waits_is_not_forgotten(tmp_path: Path) -> None:
    run = _run(tmp_path, repeat=2)
    _side_by_side(run, _waiting(late, good), _waiting(good))
    assert sorted((each.rep, each.slot, each.valid) for each in run.info.repetitions) == [
        (1, 1, False), (2, 2, True), (3, 1, True),
    ]  # fmt: skip


def test_a_process_that_died_costs_its_own_repetition_and_not_its_neighbour(tmp_path: Path) -> None:
    run = _run(tmp_path, repeat=3)
    _side_by_side(run, _waiting(good), _waiting(ChildFailed("the relay was killed by SIGKILL"), good))
    assert [(each.rep, each.error) for each in run.info.repetitions] == [
        (2, "the relay was killed by SIGKILL"), (3, None), (1, None),
    ]  # fmt: skip


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_stops_one_stops_all_and_what_ran_beside_it_is_run_again(tmp_path: Path, stop: BaseException) -> None:
    run = _run(tmp_path, repeat=4)
    with pytest.raises(type(stop)):
        _side_by_side(run, _waiting(good), _waiting(good, stop))
    stored = runs.reopen(run.path)
    assert [(each.rep, each.slot) for each in stored.info.repetitions] == [(2, 2)]
    watcher = _side_by_side(stored, _waiting(good), _waiting(good))
    assert [(each.rep, each.slot) for each in watcher.started] == [(3, 1), (4, 3), (5, 4)]
    assert open_run(run.path).info.status.filled == 4


def test_the_time_left_is_shared_by_those_that_run(tmp_path: Path) -> None:
    alone, run = _run(tmp_path, repeat=4), _run(tmp_path, repeat=4)
    one_by_one = _execute(alone, FakeForge(good))
    assert _side_by_side(run, _waiting(good), _waiting(good)).left_s[0] == pytest.approx(one_by_one.left_s[0] / 2)


# ---- The machine


def test_the_machine_is_asked_for_each_kind_of_client_too() -> None:
    document = {"matrix": {"client.kind": ["raw", "browser"], "server.flush": ["every", "end"]}}
    forge = FakeForge(good)
    resolve_paths(forge, tiny.cells(document))  # type: ignore[arg-type]
    assert [kind for _, kind in forge.resolved] == ["raw", "browser"]


def test_the_machine_is_asked_once_for_each_kind_of_path() -> None:
    document = {"matrix": {"path": ["loopback", "lan"], "server.flush": ["every", "end", "none"]}}
    forge = FakeForge(good)
    resolutions = resolve_paths(forge, tiny.cells(document))  # type: ignore[arg-type]
    assert len(forge.resolved) == 2
    assert set(resolutions) == {cell.name for cell in tiny.cells(document)}


def test_a_server_that_runs_already_has_no_path_of_the_lab() -> None:
    document = {"matrix": {"server.url": ["", "http://127.0.0.1:1"]}}
    resolutions = resolve_paths(FakeForge(good), tiny.cells(document))  # type: ignore[arg-type]
    assert [resolution.backend for resolution in resolutions.values()] == ["loopback", "none"]
