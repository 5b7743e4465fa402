"""Stalls, start-up buffer and fluidity, computed by hand, and what must hold for any stream."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.received import Received, received
from lab.analysis.smoothness import (
    ETALON,
    Deadlines,
    count_deadlines,
    fluidity_index,
    stall_ratio,
    startup_buffer_ms,
)
from tests.synthetic import MS, chunk_rows, table


def chunks(arrivals: list[float], dues: list[float | None] | None = None) -> Received:
    return received(table("chunks", chunk_rows(arrivals, dues)))


def every(interval_ms: float, count: int) -> list[float]:
    return [interval_ms * n for n in range(count)]


STALLS: dict[str, tuple[list[float], list[float | None] | None, float, float | None]] = {
    "smooth": (every(20, 6), [*every(20, 6)], 60, 0.0),
    "one gap of 220 in a plan of 20": ([0, 20, 240, 260], [0, 20, 40, 60], 100, 200 / 260),
    "the same, threshold above it": ([0, 20, 240, 260], [0, 20, 40, 60], 220, 0.0),
    "a pause that was planned is no stall": ([0, 500, 520], [0, 500, 520], 100, 0.0),
    "a planned pause that grew": ([0, 700, 720], [0, 500, 520], 100, 200 / 720),
    "a gap shorter than planned gives nothing back": ([0, 300, 900], [0, 500, 1000], 100, 100 / 900),
    "unplanned: against the median gap": ([0, 10, 20, 150], None, 100, 120 / 150),
    "all in one read": ([0, 0, 0], [0, 20, 40], 60, None),
    "one chunk": ([0], [0], 60, None),
    "nothing": ([], [], 60, None),
}


@pytest.mark.parametrize(("arrivals", "dues", "threshold", "expected"), STALLS.values(), ids=STALLS)
def test_stall_ratio(
    arrivals: list[float], dues: list[float | None] | None, threshold: float, expected: float | None
) -> None:
    assert stall_ratio(chunks(arrivals, dues), threshold) == (None if expected is None else pytest.approx(expected))


def test_stall_ratio_pools_times_and_not_ratios() -> None:
    stalled = chunk_rows([0, 20, 240, 260], [0, 20, 40, 60], stream=1)
    smooth = chunk_rows(every(20, 100), [*every(20, 100)], stream=2)
    assert stall_ratio(received(table("chunks", [*stalled, *smooth])), 100) == pytest.approx(200 / (260 + 1980))


BUFFERS: dict[str, tuple[list[float], list[float | None] | None, float | None]] = {
    "on plan": ([7, 27, 47], [0, 20, 40], 0.0),
    "a stall": ([0, 20, 270, 270], [0, 20, 40, 60], 230.0),
    "the stall that was made up for": ([0, 270, 270, 270, 270], [0, 20, 40, 260, 270], 250.0),
    "ahead of the plan": ([100, 110, 120], [0, 20, 40], 0.0),
    "unplanned": ([0, 20, 270], None, None),
    "one due time unknown": ([0, 20, 270], [0, None, 40], None),
    "nothing": ([], [], None),
}


@pytest.mark.parametrize(("arrivals", "dues", "expected"), BUFFERS.values(), ids=BUFFERS)
def test_startup_buffer(arrivals: list[float], dues: list[float | None] | None, expected: float | None) -> None:
    assert startup_buffer_ms(chunks(arrivals, dues)) == expected


def test_a_reader_who_was_away_has_stalled() -> None:
    away = received(table("chunks", chunk_rows([0, 20, 320, 340], [0, 20, 320, 340], response=[1, 1, 2, 2])))
    assert startup_buffer_ms(away) == 280
    assert stall_ratio(away, 200.0) == pytest.approx(280 / 340)


def test_startup_buffer_is_that_of_the_worst_stream() -> None:
    rows = [*chunk_rows([0, 50], [0, 20], stream=1), *chunk_rows([9, 109], [0, 20], stream=2)]
    assert startup_buffer_ms(received(table("chunks", rows))) == 80


# TTFC first, then gaps, in ms; D_p = 100, D_d = 50.
FLUIDITY = {
    "all in time": ([100, 50, 50], (0, 3)),
    "slack is saved": ([80, 70], (0, 2)),
    "slack is used up": ([80, 70, 51], (1, 3)),
    "slack is lost by a miss": ([40, 111, 51], (2, 3)),
    "first one late by a little": ([100.000001, 50], (1, 2)),
    "first one late by a whole interval": ([150], (2, 2)),
    "a long stall misses many": ([100, 210, 50], (4, 6)),
    "a stall within the slack": ([0, 150], (0, 2)),
    "nothing": ([], (0, 0)),
}


@pytest.mark.parametrize(("intervals", "expected"), FLUIDITY.values(), ids=FLUIDITY)
def test_count_deadlines(intervals: list[float], expected: tuple[int, int]) -> None:
    assert count_deadlines([round(ms * MS) for ms in intervals], ETALON) == expected


def test_fluidity_pools_deadlines_and_not_ratios() -> None:
    rows = [*chunk_rows([0, 210, 260], stream=1), *chunk_rows(every(20, 10), stream=2)]
    index = fluidity_index(received(table("chunks", rows)), np.array([100.0, 100.0]), ETALON)
    assert index == pytest.approx(1 - 4 / (6 + 10))


def test_fluidity_leaves_out_streams_whose_first_chunk_cannot_be_dated() -> None:
    rows = [*chunk_rows([0, 210, 260], stream=1), *chunk_rows(every(20, 10), stream=2)]
    assert fluidity_index(received(table("chunks", rows)), np.array([math.nan, 100.0]), ETALON) == 1
    assert fluidity_index(chunks([0, 10]), np.array([math.nan]), ETALON) is None


def test_deadlines_are_no_stricter_than_the_plan() -> None:
    assert ETALON.at_least(20) == ETALON
    assert ETALON.at_least(70) == Deadlines(prefill_ms=100, decode_ms=70)
    assert ETALON.at_least(200) == Deadlines(prefill_ms=200, decode_ms=200)
    assert ETALON.at_least(None) == ETALON


gaps_ms = st.lists(st.integers(0, 500), min_size=1, max_size=30)


def running(gaps: list[int], start: int = 0) -> list[float]:
    return [float(ms) for ms in np.cumsum([start, *gaps])]


@given(gaps=gaps_ms, plan=st.integers(1, 100))
def test_the_startup_buffer_hides_every_stall_and_nothing_less_does(gaps: list[int], plan: int) -> None:
    arrivals = running(gaps)
    dues = every(plan, len(arrivals))
    buffer_ms = startup_buffer_ms(chunks(arrivals, [*dues]))
    assert buffer_ms is not None
    slack = [due + buffer_ms - arrival for arrival, due in zip(arrivals, dues, strict=True)]
    assert min(slack) >= 0
    assert buffer_ms == 0 or min(slack) == 0


@given(gaps=gaps_ms, plan=st.integers(1, 100), shift=st.integers(1, 10_000))
def test_smoothness_does_not_depend_on_when_it_all_happened(gaps: list[int], plan: int, shift: int) -> None:
    here, later = running(gaps), running(gaps, shift)
    dues = every(plan, len(here))
    one, other = chunks(here, [*dues]), chunks(later, [due + shift / 2 for due in dues])
    for threshold in (60.0, 100.0, 200.0):
        assert stall_ratio(one, threshold) == stall_ratio(other, threshold)
    assert startup_buffer_ms(one) == startup_buffer_ms(other)


@given(gaps=gaps_ms, plan=st.integers(1, 100))
def test_stall_ratio_is_a_share_and_falls_with_its_threshold(gaps: list[int], plan: int) -> None:
    stream = chunks(running(gaps), [*every(plan, len(gaps) + 1)])
    ratios = [stall_ratio(stream, threshold) for threshold in (60.0, 100.0, 200.0)]
    if sum(gaps) == 0:
        assert ratios == [None, None, None]
    else:
        known = [ratio for ratio in ratios if ratio is not None]
        assert 1 >= known[0] >= known[1] >= known[2] >= 0


@given(intervals=st.lists(st.integers(0, 1000), min_size=1, max_size=30))
def test_every_chunk_has_a_deadline_and_misses_are_among_them(intervals: list[int]) -> None:
    missed, total = count_deadlines([ms * MS for ms in intervals], ETALON)
    assert 0 <= missed <= total
    assert total - missed <= len(intervals) <= total


@given(interval=st.integers(0, 50), first=st.integers(0, 100), count=st.integers(0, 50))
def test_an_even_stream_within_its_deadlines_is_perfectly_fluid(interval: int, first: int, count: int) -> None:
    assert count_deadlines([first * MS, *[interval * MS] * count], ETALON) == (0, count + 1)
