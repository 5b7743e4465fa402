"""Letters that never came and letters that came again, counted by their place in the plan."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.completeness import Completeness, completeness
from tests.synthetic import chunk_rows, table


def of(*streams: tuple[Sequence[int | None], int | None]) -> Completeness | None:
    """Per stream: the places of its chunks as they arrived, and how many were planned."""
    chunks = [
        row
        for stream, (places, _) in enumerate(streams, start=1)
        for row in chunk_rows([float(n) for n in range(len(places))], stream=stream, place=places)
    ]
    rows = [{"cell": "c", "rep": 1, "stream": n, "chunks_expected": each[1]} for n, each in enumerate(streams, start=1)]
    return completeness(table("chunks", chunks), table("streams", rows))


CASES: dict[str, tuple[tuple[Sequence[int | None], int | None], Completeness | None]] = {
    "all of it": (([1, 2, 3], 3), Completeness(0, 0)),
    "cut short": (([1, 2], 5), Completeness(3, 0)),
    "a hole": (([1, 2, 5], 5), Completeness(2, 0)),
    "from the beginning again": (([1, 2, 1, 2, 3], 3), Completeness(0, 2)),
    "three times": (([1, 1, 1], 1), Completeness(0, 2)),
    "a hole and a repetition": (([1, 2, 2, 4], 4), Completeness(1, 1)),
    "nothing": (([], 3), Completeness(3, 0)),
    "no plan": (([1, 2], None), None),
    "no places": (([None, None], 2), None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_counted(case: str) -> None:
    stream, expected = CASES[case]
    assert of(stream) == expected


def test_every_stream_has_its_own_places() -> None:
    assert of(([1, 2], 2), ([2], 2)) == Completeness(lost=1, doubled=0)


def test_one_stream_without_a_plan_leaves_all_unknown() -> None:
    assert of(([1, 2], 2), ([1], None)) is None


def test_without_a_stream_there_is_nothing_to_count() -> None:
    assert of() is None


def test_a_chunk_that_was_said_and_never_arrived_is_lost_once() -> None:
    rows = chunk_rows([0, 1, 2], place=[1, 2, 2])
    rows[1]["arrival_ns"] = rows[2]["arrival_ns"] = None
    streams = table("streams", [{"cell": "c", "rep": 1, "stream": 1, "chunks_expected": 2}])
    assert completeness(table("chunks", rows), streams) == Completeness(lost=1, doubled=0)


@given(st.lists(st.lists(st.integers(1, 9), max_size=20), min_size=1, max_size=4))
def test_arrivals_are_the_plan_less_what_was_lost_and_what_was_doubled_more(streams: list[list[int]]) -> None:
    found = of(*((places, 9) for places in streams))
    assert found is not None
    assert sum(map(len, streams)) == 9 * len(streams) - found.lost + found.doubled
    assert found.doubled == sum(len(places) - len(set(places)) for places in streams)
