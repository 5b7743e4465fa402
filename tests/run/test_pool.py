"""Repetitions side by side: who is started where, and who is taken when it is over."""

from typing import Any

import pytest

from lab.errors import ForgeEnded
from lab.run.pool import Pool, Task
from lab.run.repetition import Evidence, Repetition
from lab.run.schedule import Slot
from tests.run import tiny
from tests.run.fakes import FakeForge

(CELL,) = tiny.cells()


def _answer(repetition: Repetition) -> Evidence:
    raise AssertionError(repetition)


def _pool(*forges: FakeForge) -> Pool:
    return Pool(forges)  # type: ignore[arg-type]


def _start(pool: Pool, number: int) -> None:
    pool.start(Slot(CELL, number), Repetition(CELL, number, number, f"1/{number}"))


def _names(pool: Pool) -> list[int]:
    return [each.rep for each in pool.running()]


def test_as_many_at_a_time_as_there_are_forges_and_no_more() -> None:
    pool = _pool(FakeForge(_answer), FakeForge(_answer))
    for number in (1, 2):
        assert pool.admits(CELL)
        _start(pool, number)
        assert _names(pool) == list(range(1, number + 1))
    assert not pool.admits(CELL)
    assert pool.size == 2


# What is late in these is what is measured, or nobody's business: a neighbour's share would not be seen.
ALONE: dict[str, tuple[dict[str, Any], bool]] = {
    "the lab's own ends": ({}, False),
    "an emulated path": ({"path": "lan"}, False),
    "many streams": ({"client": {"streams": 50}}, False),
    "a browser": ({"client": {"kind": "browser"}}, True),
    "another client": ({"client": {"kind": "httpx"}}, True),
    "a reader that pauses": ({"client": {"read_delay": "5ms"}}, True),
    "somebody else's server": ({"server": {"command": "server {port}"}}, True),
    "a hop between": ({"proxy": {"command": "proxy {port} {upstream}"}}, True),
}


@pytest.mark.parametrize(("document", "alone"), ALONE.values(), ids=ALONE)
def test_what_nobody_judges_runs_alone(document: dict[str, Any], alone: bool) -> None:
    (cell,) = tiny.cells(document)
    pool = _pool(FakeForge(_answer), FakeForge(_answer), FakeForge(_answer))
    assert pool.admits(cell), "where nothing runs"
    pool.start(Slot(cell, 1), Repetition(cell, 1, 1, "1/1"))
    assert pool.admits(CELL) != alone, "beside it"
    other = _pool(FakeForge(_answer), FakeForge(_answer))
    _start(other, 1)
    assert other.admits(cell) != alone, "beside others"


ORDERS: dict[str, tuple[list[int], list[int]]] = {
    "the first started ends first": ([1], [1]),
    "the last started ends first": ([3], [3]),
    "several are over: the first started": ([3, 2], [2, 3]),
    "all are over: in the order of starting": ([2, 3, 1], [1, 2, 3]),
}


@pytest.mark.parametrize(("over", "taken"), ORDERS.values(), ids=ORDERS)
def test_what_is_over_is_taken(over: list[int], taken: list[int]) -> None:
    forges = [FakeForge(_answer, waits=True) for _ in range(3)]
    pool = _pool(*forges)
    for number in (1, 2, 3):
        _start(pool, number)
    for number in over:
        forges[number - 1].finish()
    ended: list[Task] = []
    for _ in over:
        ended.append(pool.ended())
        with pytest.raises(AssertionError):
            ended[-1].forge.evidence()
    assert [task.slot.slot for task in ended] == taken
    assert [task.repetition.rep for task in ended] == taken
    assert sorted([*_names(pool), *taken]) == [1, 2, 3]


def test_a_forge_that_is_over_is_asked_again() -> None:
    forge: Any = FakeForge(_answer)
    pool = _pool(forge)
    for number in (1, 2):
        _start(pool, number)
        assert pool.ended().forge is forge
        with pytest.raises(AssertionError):
            forge.evidence()
    assert [each.rep for each in forge.asked] == [1, 2]


def test_a_forge_that_is_gone_says_so_when_it_is_asked() -> None:
    class Gone(FakeForge):
        def begin(self, repetition: Repetition) -> None:
            raise ForgeEnded("it ended")

    with pytest.raises(ForgeEnded):
        _start(_pool(Gone(_answer)), 1)
