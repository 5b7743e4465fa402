"""How late a timer of this machine wakes its process: the floor under everything that is due at an instant.

The rule: it waits as the emulator does, with timerfd under epoll, real-time priority where that is granted and no collector.
Runs in the forge.
"""

import gc
import select
import time
from array import array
from typing import NamedTuple

from lab.linux.child import Child, Control
from lab.linux.realtime import RELAY_PRIORITY, take_realtime_priority
from lab.linux.timerfd import Timer

_EVERY_NS = 2_000_000
_LIMIT_S = 30.0


class Wakeups(NamedTuple):
    """By how much each wake-up came late (ns)."""

    realtime_priority: bool
    late_ns: "array[int]"


def wake(count: int) -> Wakeups:
    """Be woken `count` times, 2 ms apart, in a child. Raises ChildFailed."""

    def waiting(_control: Control) -> Wakeups:
        return _wait(count)

    child = Child("waiting process", waiting)
    try:
        wakeups: Wakeups = child.result(_LIMIT_S + 2 * count * _EVERY_NS / 1e9)
    finally:
        child.close()
    return wakeups


def _wait(count: int) -> Wakeups:
    realtime_priority = take_realtime_priority(RELAY_PRIORITY)
    gc.disable()
    timer, epoll, late_ns = Timer(), select.epoll(), array("q")
    epoll.register(timer.fileno(), select.EPOLLIN | select.EPOLLET)
    for _ in range(count):
        due_ns = time.monotonic_ns() + _EVERY_NS
        timer.arm(due_ns)
        epoll.poll()
        late_ns.append(time.monotonic_ns() - due_ns)
    return Wakeups(realtime_priority, late_ns)
