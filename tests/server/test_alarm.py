"""Both alarms: they ring when told, not before, and can be set anew from elsewhere while somebody waits."""

import sys
import time
from collections.abc import Callable

import pytest
import trio

from lab.server.alarm import Alarm, ClockAlarm, TimerfdAlarm, open_alarm

MS = 1_000_000
ALARMS: dict[str, Callable[[], Alarm]] = {"Trio's clock": ClockAlarm}
if sys.platform == "linux":
    ALARMS["timerfd"] = TimerfdAlarm


@pytest.fixture(params=ALARMS)
def make(request: pytest.FixtureRequest) -> Callable[[], Alarm]:
    """One kind of alarm."""
    return ALARMS[request.param]


async def test_it_counts_on_the_clock_that_requests_are_stamped_with(make: Callable[[], Alarm]) -> None:
    alarm = make()
    before_ns, now_ns, after_ns = time.monotonic_ns(), alarm.now_ns(), time.monotonic_ns()
    assert before_ns <= now_ns <= after_ns
    alarm.close()


async def test_it_rings_at_its_instant_and_not_before(make: Callable[[], Alarm]) -> None:
    alarm = make()
    when_ns = alarm.now_ns() + 5 * MS
    alarm.set(when_ns)
    with trio.fail_after(60):
        await alarm.ring()
    assert alarm.now_ns() >= when_ns - MS  # Trio's own deadline may be rounded; the pacer asks again then
    alarm.close()


async def test_an_instant_in_the_past_rings_at_once(make: Callable[[], Alarm]) -> None:
    alarm = make()
    alarm.set(alarm.now_ns() - 5 * MS)
    with trio.fail_after(60):
        await alarm.ring()
    alarm.close()


async def test_setting_it_wakes_who_waits_already(make: Callable[[], Alarm]) -> None:
    alarm = make()
    alarm.set(1 << 62)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alarm.ring)
            await trio.testing.wait_all_tasks_blocked()
            alarm.set(alarm.now_ns())
    alarm.close()


def test_linux_gets_the_exact_one() -> None:
    alarm = open_alarm()
    assert isinstance(alarm, TimerfdAlarm if sys.platform == "linux" else ClockAlarm)
    alarm.close()
