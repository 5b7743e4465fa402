"""How the pacer sleeps until an instant: a timerfd where Linux has one, Trio's own clock elsewhere and in tests.

Trio rounds its timeouts up to whole milliseconds of epoll; a timerfd wakes on the nanosecond that was asked for.
"""

import math
import sys
import time
from collections.abc import Callable
from typing import Protocol

import trio


class Alarm(Protocol):
    """Set from anywhere, awaited by one task."""

    def set(self, when_ns: int) -> None:
        """Ring at `when_ns` on this alarm's clock; replaces the earlier setting. An instant in the past rings at once."""

    async def ring(self) -> None:
        """Wait until the instant that was last set."""

    def now_ns(self) -> int:
        """The clock that `set` counts on."""

    def close(self) -> None:
        """Give the timer back."""


class ClockAlarm:
    """Trio's timeouts: portable, to the millisecond. With a `clock` on Trio's own time it obeys `autojump_clock`."""

    def __init__(self, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.now_ns = clock
        self._when_s = math.inf
        self._scope = trio.CancelScope()

    def set(self, when_ns: int) -> None:
        """See Alarm. Trio's clock begins anywhere, so only the difference can be carried over."""
        self._when_s = trio.current_time() + (when_ns - self.now_ns()) / 1e9
        self._scope.deadline = self._when_s

    async def ring(self) -> None:
        """See Alarm."""
        with trio.CancelScope(deadline=self._when_s) as self._scope:
            await trio.sleep_forever()

    def close(self) -> None:
        """Nothing is held."""


class TimerfdAlarm:
    """CLOCK_MONOTONIC to the nanosecond (timerfd_create(2))."""

    def __init__(self) -> None:
        from lab.linux.timerfd import Timer

        self._timer = Timer()

    def set(self, when_ns: int) -> None:
        """See Alarm."""
        self._timer.arm(when_ns)

    async def ring(self) -> None:
        """See Alarm. The timer stays readable until it is set again, so nobody needs to read it."""
        await trio.lowlevel.wait_readable(self._timer.fileno())

    def now_ns(self) -> int:
        """See Alarm."""
        return time.monotonic_ns()

    def close(self) -> None:
        """See Alarm."""
        self._timer.close()


def open_alarm() -> Alarm:
    """The most exact alarm that this platform has."""
    return TimerfdAlarm() if sys.platform == "linux" else ClockAlarm()
