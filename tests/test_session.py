"""Until it is decided: what is added to a run, when that ends, and that an interruption loses none of it."""

from pathlib import Path

import pytest

from lab import session
from lab.run import runs
from lab.run.repetition import Repetition
from lab.trace.run_info import UntilDecided
from lab.trace.store import Run, open_run
from tests.run import tiny
from tests.run.fakes import FakeForge, Notes, evidence


def _run(out: Path, max_time_s: float = 1000.0) -> Run:
    scenario, cells = tiny.scenario(tiny.TWO_FLUSHES, repeat=2), tiny.cells(tiny.TWO_FLUSHES)
    wish = UntilDecided(axis="server.flush", base="every", max_time_s=max_time_s)
    return runs.create(scenario, {}, cells, {cell.name: tiny.HERE for cell in cells}, out, until_decided=wish)


def _measure(run: Run, forge: FakeForge) -> list[str]:
    watcher = Notes()
    session.measure(run, [forge], watcher)  # type: ignore[list-item]
    return watcher.notes


def test_two_sides_that_are_alike_are_measured_until_that_can_be_said(tmp_path: Path) -> None:
    run = _run(tmp_path)
    notes = _measure(run, FakeForge(evidence))
    stored = open_run(run.path).info
    assert stored.finished
    assert stored.until_decided is not None
    assert stored.until_decided.over
    assert notes[-1] == "decided: 1 same"
    assert notes[0].startswith("undecided: end: up to ")
    assert stored.slots() == {"every": 6, "end": 6}  # five pairs are the fewest, and rounds come in twos
    assert stored.status.filled == 12


def test_without_time_nothing_is_added(tmp_path: Path) -> None:
    run = _run(tmp_path, max_time_s=0.0)
    assert _measure(run, FakeForge(evidence)) == ["undecided: end: the time is over"]
    assert run.info.status.filled == 4
    assert run.info.finished


def test_an_interruption_keeps_what_was_added_and_the_time_spent(tmp_path: Path) -> None:
    run = _run(tmp_path)
    forge = FakeForge(*[evidence] * 5, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        _measure(run, forge)
    stored = runs.reopen(run.path)
    assert stored.info.until_decided is not None
    assert stored.info.until_decided.more
    assert stored.info.until_decided.spent_s > 0
    assert not stored.info.finished
    spent_s = stored.info.until_decided.spent_s
    asked: list[Repetition] = (again := FakeForge(evidence)).asked
    _measure(stored, again)
    assert stored.info.until_decided.spent_s > spent_s
    assert len(asked) == 12 - 5
    assert open_run(run.path).info.status.filled == 12
