"""Real-time priority and locked memory for a process that must wake on time. Taken if allowed, and said so either way.

The rule: both are wishes. A machine that refuses them still measures, with a larger error bar; so this module answers
instead of raising. Neither is granted inside a user namespace: ask before unsharing.
"""

import contextlib
import ctypes
import os

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
END_PRIORITY, RELAY_PRIORITY = 1, 2
"""The lowest real-time priorities are enough to run before every ordinary process, and yield to the kernel's own threads.

The relay stands above server and client: a packet that is due does not wait until an end has finished its turn.
"""

_libc = ctypes.CDLL(None, use_errno=True)


def take_realtime_priority(priority: int) -> bool:
    """SCHED_FIFO (sched(7)) for this process, not for its children; whether it was granted.

    A process that is busy without a pause still yields: `kernel.sched_rt_runtime_us` leaves 50 ms of each second to others.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def share_process_priority() -> None:
    """For a thread: run as the first thread of its process does. SCHED_RESET_ON_FORK resets new threads as well."""
    pid = os.getpid()
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.sched_getscheduler(pid), os.sched_getparam(pid))


def lock_memory() -> bool:
    """Keep every page of this process in memory (mlockall(2)) once it was touched; whether it was granted.

    On fault, because a forked child that locks all it inherited would first copy the whole of it.
    """
    return bool(_libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)
