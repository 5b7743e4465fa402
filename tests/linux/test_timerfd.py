"""The timer: never early, at once when late, and the last arming wins."""

import select
import time
from collections.abc import Iterator

import pytest

from lab.linux.timerfd import Timer

MS = 1_000_000
LONG_AFTER_S = 10.0


@pytest.fixture
def timer() -> Iterator[Timer]:
    timer = Timer()
    yield timer
    timer.close()


def _wait(timer: Timer, timeout_s: float) -> int | None:
    """The instant at which the timer was seen to have fired, or None."""
    with select.epoll() as epoll:
        epoll.register(timer.fileno(), select.EPOLLIN | select.EPOLLET)
        return time.monotonic_ns() if epoll.poll(timeout_s) else None


@pytest.mark.parametrize("ahead_ns", [-MS, 0, 1, 999, 3 * MS])
def test_fires_and_never_early(timer: Timer, ahead_ns: int) -> None:
    at_ns = time.monotonic_ns() + ahead_ns
    timer.arm(at_ns)
    fired_ns = _wait(timer, LONG_AFTER_S)
    assert fired_ns is not None
    assert fired_ns >= at_ns


def test_a_new_instant_replaces_the_old(timer: Timer) -> None:
    timer.arm(time.monotonic_ns() + 3600 * 10**9)
    timer.arm(time.monotonic_ns() + MS)
    assert _wait(timer, LONG_AFTER_S) is not None


def test_arming_again_takes_back_what_fired(timer: Timer) -> None:
    timer.arm(1)
    assert _wait(timer, LONG_AFTER_S) is not None
    timer.arm(time.monotonic_ns() + 3600 * 10**9)
    assert _wait(timer, 0) is None


def test_seconds_and_nanoseconds_are_not_confused(timer: Timer) -> None:
    now_ns = time.monotonic_ns()
    for at_ns in (now_ns + 3600 * 10**9, now_ns // 10**9 * 10**9 + 3600 * 10**9 + 999_999_999):
        timer.arm(at_ns)
        assert _wait(timer, 0) is None


def test_a_closed_timer_says_so() -> None:
    timer = Timer()
    timer.close()
    with pytest.raises(OSError, match="timerfd_settime"):
        timer.arm(1)
