"""The page's clock on the lab's: from `performance.now()` in ms to CLOCK_MONOTONIC in ns, and how far that may be off.

The rule: two witnesses. Chromium counts `performance.now()` from the start of the navigation and states that instant on
CLOCK_MONOTONIC (its TimeTicks on Linux; DevTools' metric NavigationStart). Round trips that the lab stamps at both ends
bracket the same instant, wider but independently; where the two contradict each other the bracket alone counts. Sans-IO.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lab.errors import MeasurementError

NS_PER_MS = 1_000_000
# NavigationStart is stated in µs.
_STATED_ERROR_NS = 1_000


class Sample(NamedTuple):
    """One round trip: the lab's clock before it and after it, ns, and the page's in between, ms."""

    before_ns: int
    page_ms: float
    after_ns: int


class PageClock(NamedTuple):
    """`origin_ns`: when `performance.now()` was 0. `error_ns`: how far an instant of the page may be off, either way."""

    origin_ns: int
    error_ns: int

    def at_ns(self, page_ms: float) -> int:
        """An instant of the page on CLOCK_MONOTONIC."""
        return self.origin_ns + round(page_ms * NS_PER_MS)


def page_clock(samples: Sequence[Sample], step_ns: int, stated_origin_ns: int | None) -> PageClock:
    """Read the clock from `samples`.

    `step_ns` is what `performance.now()` was seen to advance by: a browser rounds its clock to such steps, up or down
    (High Resolution Time, section 7.1), so one reading may be one step off. Raises MeasurementError if the samples
    contradict each other.
    """
    earliest_ns = max(sample.before_ns - round(sample.page_ms * NS_PER_MS) for sample in samples) - step_ns
    latest_ns = min(sample.after_ns - round(sample.page_ms * NS_PER_MS) for sample in samples) + step_ns
    if earliest_ns > latest_ns:
        raise MeasurementError(
            f"mapping the page's clock to CLOCK_MONOTONIC: {len(samples)} round trips contradict each other by "
            f"{earliest_ns - latest_ns} ns: one of the clocks was stepped; run the repetition again"
        )
    if stated_origin_ns is not None and earliest_ns <= stated_origin_ns <= latest_ns:
        return PageClock(stated_origin_ns, step_ns + _STATED_ERROR_NS)
    return PageClock((earliest_ns + latest_ns) // 2, (latest_ns - earliest_ns) // 2 + step_ns)
