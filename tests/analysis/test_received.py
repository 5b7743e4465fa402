"""Gaps, planned intervals and streams as flat arrays: hand-made arrivals, and what no order of rows may change."""

import random

import numpy as np
import pytest

from lab.analysis.received import planned_interval_ms, received
from tests.synthetic import chunk_rows, table


def test_gaps_never_span_two_streams() -> None:
    rows = [*chunk_rows([0, 10, 30], stream=1), *chunk_rows([5, 105], stream=2), *chunk_rows([1000], stream=1, rep=2)]
    chunks = received(table("chunks", rows))
    assert chunks.gaps_ms.tolist() == [10, 20, 100]
    assert chunks.starts.tolist() == [0, 3, 5]
    assert chunks.spans_ns.tolist() == [30_000_000, 100_000_000, 0]
    assert chunks.streams() == [slice(0, 3), slice(3, 5), slice(5, 6)]


def test_the_first_chunk_of_a_stream_has_no_planned_interval() -> None:
    rows = [*chunk_rows([0, 20], [0, 20], stream=1), *chunk_rows([5, 25], [5, 25], stream=2)]
    np.testing.assert_array_equal(received(table("chunks", rows)).planned_ns / 1e6, [np.nan, 20, np.nan, 20])


def test_between_two_responses_of_a_stream_nothing_was_planned() -> None:
    """Dues count from the response's own request; what lay between was the reader's absence."""
    rows = chunk_rows([0, 20, 320, 340], [0, 20, 320, 340], response=[1, 1, 2, 2])
    chunks = received(table("chunks", rows))
    np.testing.assert_array_equal(chunks.planned_ns / 1e6, [np.nan, 20, np.nan, 20])
    assert chunks.gaps_ms.tolist() == [20, 300, 20]
    assert chunks.intervals_ms.tolist() == [20, 20, 20]


def test_zeros_inside_one_read_are_kept() -> None:
    assert received(table("chunks", chunk_rows([0, 0, 40, 40]))).gaps_ms.tolist() == [0, 40, 0]


def test_chunks_that_never_arrived_are_left_out() -> None:
    rows = chunk_rows([0, 10, 30])
    rows[1]["arrival_ns"] = None
    assert received(table("chunks", rows)).gaps_ms.tolist() == [30]


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [row for stream in (1, 2, 3) for row in chunk_rows([0, 1, 3, 6], [0, 1, 2, 3], stream=stream)]
    shuffled = random.Random(1).sample(rows, len(rows))
    one, other = received(table("chunks", rows)), received(table("chunks", shuffled))
    assert one.table.equals(other.table)
    assert one.gaps_ms.tolist() == other.gaps_ms.tolist()


INTERVALS = {
    "from the plan": ([0, 25, 45], [0, 20, 40], [20, 20]),
    "unplanned: the median gap": ([0, 10, 40, 50], None, [10, 10, 10]),
    "one due time unknown": ([0, 10, 20, 60], [0, None, 40, 60], [10, 10, 20]),
    "a burst": ([0, 0, 80], [0, 0, 80], [0, 80]),
}


@pytest.mark.parametrize(("arrivals", "dues", "expected"), INTERVALS.values(), ids=INTERVALS)
def test_planned_interval_of_each_gap(
    arrivals: list[float], dues: list[float | None] | None, expected: list[float]
) -> None:
    assert received(table("chunks", chunk_rows(arrivals, dues))).intervals_ms.tolist() == expected


MEDIANS = {
    "a metronome": ([0, 20, 40, 60], 20),
    "a burst counts as one instant": ([0, 0, 0, 0, 80, 80, 80, 80, 160], 80),
    "one chunk": ([0], None),
    "all at once": ([0, 0, 0], None),
    "nobody knows": ([None, None], None),
    "between what is known": ([0, None, 30], 30),
}


@pytest.mark.parametrize(("dues", "expected"), MEDIANS.values(), ids=MEDIANS)
def test_planned_interval_of_the_workload(dues: list[float | None], expected: float | None) -> None:
    assert planned_interval_ms(table("chunks", chunk_rows([0] * len(dues), dues))) == expected


def test_the_plan_is_known_of_chunks_that_never_arrived_too() -> None:
    rows = [row | {"arrival_ns": None} for row in chunk_rows([0, 0, 0], [0, 20, 40])]
    assert planned_interval_ms(table("chunks", rows)) == 20


def test_nothing_received_is_no_error() -> None:
    chunks = received(table("chunks", []))
    assert chunks.gaps_ms.size == chunks.starts.size == chunks.spans_ns.size == chunks.intervals_ms.size == 0
