"""The order of the repetitions: interleaved, seeded, and what turned out invalid comes again at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.matrix import Cell
from lab.run.schedule import ATTEMPTS, Schedule
from tests.run import tiny


def _cells(count: int) -> list[Cell]:
    return [tiny.cells()[0].model_copy(update={"name": f"c{number}"}) for number in range(count)]


def _order(count: int, repeat: int, seed: int) -> list[tuple[str, int]]:
    return [(slot.cell.name, slot.slot) for slot in Schedule(_cells(count), _slots(count, repeat), seed, {})]


def _slots(count: int, repeat: int) -> dict[str, int]:
    return {f"c{number}": repeat for number in range(count)}


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**64))
def test_every_cell_once_a_round(count: int, repeat: int, seed: int) -> None:
    order = _order(count, repeat, seed)
    names = {f"c{number}" for number in range(count)}
    for number in range(repeat):
        in_round = order[number * count : (number + 1) * count]
        assert {name for name, _ in in_round} == names
        assert {slot for _, slot in in_round} == {number + 1}
    assert order == _order(count, repeat, seed)


def test_the_order_differs_by_seed_and_by_pair_of_rounds() -> None:
    first, third = _order(12, 4, 1)[:12], _order(12, 4, 1)[24:36]
    assert [name for name, _ in first] != [name for name, _ in third]
    assert _order(12, 2, 1) != _order(12, 2, 2)


@given(st.integers(2, 12), st.integers(1, 3), st.integers(0, 2**64))
def test_a_steady_drift_cancels_for_any_two_cells(count: int, pairs: int, seed: int) -> None:
    """A B B A: over two rounds every cell stands at the same place on average."""
    order = [name for name, _ in _order(count, 2 * pairs, seed)]
    places = [sum(place for place, name in enumerate(order) if name == f"c{number}") for number in range(count)]
    assert len(set(places)) == 1


def test_only_who_has_more_slots_takes_part_in_the_later_rounds_and_still_forwards_and_backwards() -> None:
    slots = {**_slots(5, 2), "c1": 6, "c3": 4}
    order = [(slot.cell.name, slot.slot) for slot in Schedule(_cells(5), slots, 1, {})]
    assert order[:10] == _order(5, 2, 1)
    rounds = [[name for name, slot in order if slot == number] for number in (3, 4, 5, 6)]
    assert sorted(rounds[0]) == ["c1", "c3"]
    assert rounds[0] == rounds[1][::-1]
    assert rounds[2:] == [["c1"], ["c1"]]


def test_what_is_retried_comes_at_the_end_and_twice_at_most() -> None:
    schedule = Schedule(_cells(3), _slots(3, 1), 1, {})
    seen: list[tuple[str, int]] = []
    bad = ""
    for slot in schedule:
        bad = bad or slot.cell.name
        seen.append((slot.cell.name, slot.tried))
        if slot.cell.name == bad:
            assert schedule.retry(slot) == (slot.tried < ATTEMPTS - 1)
    assert seen[0] == (bad, 0)
    assert seen[3:] == [(bad, 1), (bad, 2)]


def test_the_length_and_what_is_waiting_are_what_is_still_to_come() -> None:
    schedule = Schedule(_cells(2), _slots(2, 2), 1, {})
    left = []
    for slot in schedule:
        assert len(schedule) == len(list(schedule.waiting()))
        assert slot not in schedule.waiting()
        left.append(len(schedule))
    assert left == [3, 2, 1, 0]


PASTS = {
    "none": ({}, [("c0", 1, 0), ("c0", 2, 0), ("c1", 1, 0), ("c1", 2, 0)]),
    "one is done": ({("c0", 1): ATTEMPTS}, [("c0", 2, 0), ("c1", 1, 0), ("c1", 2, 0)]),
    "one was tried": ({("c0", 1): 2}, [("c0", 1, 2), ("c0", 2, 0), ("c1", 1, 0), ("c1", 2, 0)]),
    "all are done": ({(name, slot): ATTEMPTS for name in ("c0", "c1") for slot in (1, 2)}, []),
    "cells that are no more": ({("c9", 1): ATTEMPTS}, [("c0", 1, 0), ("c0", 2, 0), ("c1", 1, 0), ("c1", 2, 0)]),
}


@pytest.mark.parametrize(("past", "left"), PASTS.values(), ids=PASTS)
def test_a_resumed_run_has_used_up_its_attempts(
    past: dict[tuple[str, int], int], left: list[tuple[str, int, int]]
) -> None:
    schedule = Schedule(_cells(2), _slots(2, 2), 1, past)
    assert sorted((slot.cell.name, slot.slot, slot.tried) for slot in schedule) == left


def test_the_order_of_what_is_left_is_that_of_the_whole() -> None:
    whole = [(slot.cell.name, slot.slot) for slot in Schedule(_cells(5), _slots(5, 2), 7, {})]
    past = {whole[0]: ATTEMPTS, whole[6]: ATTEMPTS}
    rest = [(slot.cell.name, slot.slot) for slot in Schedule(_cells(5), _slots(5, 2), 7, past)]
    assert rest == [each for each in whole if each not in (whole[0], whole[6])]
