"""How fast the bottleneck sends: when a packet may begin, and when its last bit has left.

The rule: the link's time is exact. What does not fit an integer of nanoseconds is carried to the next packet of the same
busy period, so that a rate holds over any length of run. The future of a pace is known: nothing here needs to be woken.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence

from lab.model.rate import OPPORTUNITY_BYTES, TUN_HEADER_BYTES, RateSteps, RateTrace
from lab.model.units import NS_PER_MS, NS_PER_S

BIT_NS_PER_BYTE = 8 * NS_PER_S


class Pace(ABC):
    """Packets are sent one after the other: `begin` for the next one, then `send` it. Instants never decrease."""

    @abstractmethod
    def start(self, at_ns: int) -> None:
        """Time counts from `at_ns`. Called before the first packet, or not at all: then it counts from zero."""

    @abstractmethod
    def begin(self, at_ns: int) -> int:
        """When a packet that is there at `at_ns` goes into service, with all sent before it gone. Changes no answer."""

    @abstractmethod
    def send(self, begin_ns: int, size_bytes: int) -> int:
        """Send a packet from `begin_ns` on, as `begin` said; returns the instant at which it has left."""


class ConstantRate(Pace):
    """`rate_bps` bits per second of IP bytes."""

    def __init__(self, rate_bps: int) -> None:
        self._rate_bps = rate_bps
        self._zero_ns = 0
        self._free_ns = 0
        self._remainder = 0

    def start(self, at_ns: int) -> None:
        self._zero_ns = at_ns

    def begin(self, at_ns: int) -> int:
        free_ns = self._free_ns
        return free_ns if free_ns > at_ns else at_ns

    def send(self, begin_ns: int, size_bytes: int) -> int:
        if begin_ns > self._free_ns:
            self._remainder = 0  # it was idle
        whole_ns, self._remainder = divmod(size_bytes * BIT_NS_PER_BYTE + self._remainder, self._rate_bps)
        self._free_ns = left_ns = begin_ns + whole_ns
        return left_ns


class SteppedRate(ConstantRate):
    """A rate from each instant on: `steps` as (instant, rate), the first at zero. A packet may be sent at several rates."""

    def __init__(self, steps: Sequence[tuple[int, int]]) -> None:
        super().__init__(steps[0][1])
        self._steps = steps
        self._place = 0

    def send(self, begin_ns: int, size_bytes: int) -> int:
        if begin_ns > self._free_ns:
            self._remainder = 0
        work = size_bytes * BIT_NS_PER_BYTE + self._remainder
        while self._place + 1 < len(self._steps):
            until_ns, next_bps = self._steps[self._place + 1]
            room_ns = max(0, self._zero_ns + until_ns - begin_ns)
            if work <= room_ns * self._rate_bps:
                break
            work -= room_ns * self._rate_bps
            begin_ns += room_ns
            self._place += 1
            self._rate_bps = next_bps
        whole_ns, self._remainder = divmod(work, self._rate_bps)
        self._free_ns = begin_ns + whole_ns
        return self._free_ns


class Opportunities(Pace):
    """mahimahi's `LinkQueue`: at each instant of the trace up to 1504 bytes leave, of one packet or of several.

    As there: an opportunity that finds nobody waiting is lost, and so is what is left of one; a packet that does not fit
    into the rest of one goes on in the next, and leaves with its last byte; whoever comes at the very instant is too late;
    every packet counts with the four bytes of a TUN header; after its last instant the trace begins anew.
    """

    def __init__(self, times_ms: Sequence[int]) -> None:
        self._times_ns = [time_ms * NS_PER_MS for time_ms in times_ms]
        self._lap_ns = 0
        self._next = 0
        self._now_ns = -1
        self._left_bytes = 0

    def start(self, at_ns: int) -> None:
        """The trace's zero is at `at_ns`."""
        self._lap_ns = at_ns

    def begin(self, at_ns: int) -> int:
        if not self._left_bytes or self._now_ns <= at_ns:
            self._pass_by(at_ns)
            self._take_next()
        return self._now_ns

    def send(self, begin_ns: int, size_bytes: int) -> int:
        needed_bytes = size_bytes + TUN_HEADER_BYTES
        while needed_bytes > self._left_bytes:
            needed_bytes -= self._left_bytes
            self._take_next()
        self._left_bytes -= needed_bytes
        return self._now_ns

    def _pass_by(self, at_ns: int) -> None:
        """Let go of the opportunities up to `at_ns`."""
        period_ns = self._times_ns[-1]
        if (laps := (at_ns - self._lap_ns) // period_ns) > 0:
            self._lap_ns += laps * period_ns
            self._next = 0
        self._next = bisect_right(self._times_ns, at_ns - self._lap_ns, self._next)

    def _take_next(self) -> None:
        if self._next == len(self._times_ns):
            self._lap_ns += self._times_ns[-1]
            self._next = 0
        self._now_ns = self._lap_ns + self._times_ns[self._next]
        self._left_bytes = OPPORTUNITY_BYTES
        self._next += 1


def pace_of(rate: int | RateSteps | RateTrace) -> Pace:
    """The pace that a link's `rate` asks for."""
    if isinstance(rate, int):
        return ConstantRate(rate)
    if isinstance(rate, RateSteps):
        return SteppedRate([(step.at, step.rate) for step in rate.steps])
    return Opportunities(rate.opportunities_ms)
