"""Processes as the kernel sees them: who descends from whom, and waiting for an end without sleeping."""

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 20.0


def children(pid: int) -> list[int]:
    """The living children of all threads of a process, in the order in which they were made."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:  # the thread ended meanwhile
            continue
    return sorted(child for child in found if not _is_zombie(child))


def descendants(pid: int) -> list[int]:
    """Children, their children, and so on."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def ends(pid: int) -> bool:
    """Whether the process ends in time."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], PATIENCE_S)[0])
    finally:
        os.close(pidfd)


def until(what: str, condition: Callable[[], bool]) -> None:
    """Wait until something outside of this process holds; fails when it takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)
