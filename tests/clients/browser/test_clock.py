"""The page's clock on the lab's, without a page: whatever the round trips were, the stated error holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clients.browser.clock import NS_PER_MS, PageClock, Sample, page_clock
from lab.errors import MeasurementError

ORIGIN_NS = 5_000_000_000_000
STEP_NS = 100_000

# Two round trips: the page's 10 ms is between 10.0 and 11.0 ms after the origin, its 20 ms between 19.5 and 20.2.
SAMPLES = [
    Sample(ORIGIN_NS + 10_000_000, 10.0, ORIGIN_NS + 11_000_000),
    Sample(ORIGIN_NS + 19_500_000, 20.0, ORIGIN_NS + 20_200_000),
]
# Stated origin, from the true one, → the clock's origin, from the true one, and its error.
WITNESSES = {
    "both agree": (20_000, (20_000, 101_000)),
    "at the edge of the bracket": (-100_000, (-100_000, 101_000)),
    "they contradict each other": (2_000_000, (100_000, 300_000)),
    "nothing was stated": (None, (100_000, 300_000)),
}


@pytest.mark.parametrize(("stated_ns", "expected"), WITNESSES.values(), ids=WITNESSES)
def test_two_witnesses(stated_ns: int | None, expected: tuple[int, int]) -> None:
    clock = page_clock(SAMPLES, STEP_NS, None if stated_ns is None else ORIGIN_NS + stated_ns)
    assert clock == PageClock(ORIGIN_NS + expected[0], expected[1])


def test_an_instant_of_the_page() -> None:
    assert PageClock(ORIGIN_NS, 1).at_ns(1.2345) == ORIGIN_NS + 1_234_500


def test_round_trips_that_contradict_each_other_are_no_clock() -> None:
    stepped = Sample(ORIGIN_NS + 30_000_000, 29.0, ORIGIN_NS + 30_100_000)
    with pytest.raises(MeasurementError, match="2 round trips contradict each other by 700000 ns"):
        page_clock([SAMPLES[0]._replace(after_ns=ORIGIN_NS + 10_100_000), stepped], STEP_NS, None)


trips = st.tuples(st.integers(0, 2_000_000), st.integers(0, 2_000_000), st.integers(-STEP_NS, STEP_NS))


@given(st.lists(trips, min_size=1, max_size=20), st.booleans(), st.integers(0, 10**12))
def test_the_error_holds_for_every_clock_that_is_rounded_to_steps(
    trips: list[tuple[int, int, int]], stated: bool, begin_ns: int
) -> None:
    samples = []
    for number, (there_ns, back_ns, rounding_ns) in enumerate(trips):
        true_ns = begin_ns + number * 5_000_000
        page_ms = (true_ns + rounding_ns) / NS_PER_MS
        samples.append(Sample(ORIGIN_NS + true_ns - there_ns, page_ms, ORIGIN_NS + true_ns + back_ns))
    clock = page_clock(samples, STEP_NS, ORIGIN_NS if stated else None)
    for sample, (_, _, rounding_ns) in zip(samples, trips, strict=True):
        true_ns = ORIGIN_NS + round(sample.page_ms * NS_PER_MS) - rounding_ns
        assert abs(clock.at_ns(sample.page_ms) - true_ns) <= clock.error_ns
