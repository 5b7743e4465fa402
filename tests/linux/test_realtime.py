"""Wishes for being on time: granted or not, they answer truly and never raise."""

import os
import threading
from pathlib import Path

import pytest

from lab.linux.child import Child, Control
from lab.linux.realtime import RELAY_PRIORITY, lock_memory, share_process_priority, take_realtime_priority
from lab.linux.unprivileged import become_ordinary_user


def _wish(_control: Control) -> tuple[bool, int, bool, int]:
    realtime, locked = take_realtime_priority(RELAY_PRIORITY), lock_memory()
    status = Path("/proc/self/status").read_text()
    locked_kb = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmLck:")))
    return realtime, os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, locked, locked_kb


def _wish_as_ordinary_user(control: Control) -> tuple[bool, int, bool, int]:
    become_ordinary_user()
    return _wish(control)


@pytest.mark.parametrize(
    "target", [_wish, pytest.param(_wish_as_ordinary_user, marks=pytest.mark.needs("rootless"), id="ordinary user")]
)
def test_the_answer_is_what_the_kernel_says(target: object) -> None:
    assert callable(target)
    child = Child("wisher", target)
    try:
        realtime, scheduler, locked, locked_kb = child.result(10)
    finally:
        child.close()
    assert realtime == (scheduler == os.SCHED_FIFO)
    assert locked == (locked_kb > 0)


def _share(_control: Control) -> tuple[int, int]:
    take_realtime_priority(RELAY_PRIORITY)
    found: list[int] = []

    def share() -> None:
        share_process_priority()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=share)
    thread.start()
    thread.join()
    return os.sched_getscheduler(0), found[0]


def test_a_thread_runs_as_its_process_does() -> None:
    child = Child("sharer", _share)
    try:
        of_process, of_thread = child.result(10)
    finally:
        child.close()
    assert of_thread == of_process
