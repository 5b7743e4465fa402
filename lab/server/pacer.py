"""The pacer: one task that holds the next due time of every stream and does what is due, in order.

Wake-ups are what costs: one wake of a Trio task from a timer takes 125 to 260 µs of processor, a `send` 11 to 12. So
wake-ups are kept apart by a *slack* that grows with the load: none while few chunks are due (each leaves on time), about a
millisecond at thousands a second (a chunk waits for its neighbours, at most that long). The slack in force is reported.
Never early: nothing leaves before it is due.
"""

import heapq
import itertools
from typing import Protocol

from lab.server.alarm import Alarm

# Below this many steps a second an exact wake for each costs less than an eighth of a core (500 × 250 µs).
EXACT_UNTIL_PER_S = 500
# From here on the slack is full: 1,000 wakes a second, of several steps each.
FULL_FROM_PER_S = 2_000
MAX_SLACK_NS = 1_000_000

_RATE_WINDOW_NS = 100_000_000
# After so many steps in one turn, other tasks (accepting, draining) get theirs.
_STEPS_PER_TURN = 256
_NEVER_NS = 1 << 62


class Paced(Protocol):
    """What the pacer drives."""

    def step(self, now_ns: int) -> int | None:
        """Do what is due at `now_ns`; the next due time, or None to leave the pacer."""


def slack_ns(steps_per_s: float) -> int:
    """How far apart wake-ups are kept at this load: 0, then a straight ramp, then MAX_SLACK_NS."""
    share = (steps_per_s - EXACT_UNTIL_PER_S) / (FULL_FROM_PER_S - EXACT_UNTIL_PER_S)
    return round(min(1.0, max(0.0, share)) * MAX_SLACK_NS)


class Pacer:
    """`add` streams from any task; `run` is the one task that steps them."""

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._heap: list[tuple[int, int, Paced]] = []
        self._order = itertools.count()
        self._armed_ns = _NEVER_NS
        self._woken_ns = 0
        self._window_ns = 0
        self._window_steps = 0
        self.slack_ns = 0
        self.max_slack_ns = 0

    def add(self, stream: Paced, when_ns: int) -> None:
        """Step `stream` at `when_ns`, and from then on whenever it asks. What is due already is done here and now."""
        now_ns = self._alarm.now_ns()
        next_ns = stream.step(now_ns) if when_ns <= now_ns else when_ns
        if next_ns is not None:
            heapq.heappush(self._heap, (next_ns, next(self._order), stream))
            self._arm()

    async def run(self) -> None:
        """For ever; cancel it to stop."""
        self._alarm.set(self._armed_ns)
        while True:
            await self._alarm.ring()
            now_ns = self._woken_ns = self._alarm.now_ns()
            self._measure(now_ns)
            self._armed_ns = _NEVER_NS
            self._turn(now_ns)
            self._arm()
            if self._armed_ns == _NEVER_NS:
                self._alarm.set(_NEVER_NS)

    def _turn(self, now_ns: int) -> None:
        """Step everything that is due, the earliest first."""
        heap, order, heapreplace = self._heap, self._order, heapq.heapreplace
        for _ in range(_STEPS_PER_TURN):
            if not heap or heap[0][0] > now_ns:
                return
            stream = heap[0][2]
            self._window_steps += 1
            when_ns = stream.step(now_ns)
            if when_ns is None:
                heapq.heappop(heap)
            else:
                heapreplace(heap, (when_ns, next(order), stream))

    def _arm(self) -> None:
        """Set the alarm for the earliest step, but not sooner than the slack after the last wake."""
        if not self._heap:
            return
        when_ns = max(self._heap[0][0], self._woken_ns + self.slack_ns)
        if when_ns < self._armed_ns:
            self._armed_ns = when_ns
            self._alarm.set(when_ns)

    def _measure(self, now_ns: int) -> None:
        """The load of the last window decides the slack."""
        elapsed_ns = now_ns - self._window_ns
        if elapsed_ns >= _RATE_WINDOW_NS:
            self.slack_ns = slack_ns(self._window_steps * 1e9 / elapsed_ns)
            self.max_slack_ns = max(self.max_slack_ns, self.slack_ns)
            self._window_ns, self._window_steps = now_ns, 0
