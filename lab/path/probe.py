"""What this machine can really do for a path: each capability tried once, in a child process that is thrown away.

The rule: nothing is inferred from versions, names or user ids. The child does what the relay would do, so the prober's own
namespaces never change; what the kernel refused comes back as reason and remedy.
"""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import CapabilityError, ChildFailed
from lab.linux.child import Child, Control
from lab.linux.realtime import RELAY_PRIORITY, lock_memory, take_realtime_priority
from lab.linux.unprivileged import become_ordinary_user

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Capability:
    """What was tried (`meaning`), whether it works, and if not, what the kernel said and what a person can do."""

    name: str
    meaning: str
    works: bool
    reason: str = ""
    remedy: str = ""


def names() -> tuple[str, ...]:
    """All capabilities there are to ask for."""
    return tuple(_TRIALS)


@functools.cache
def probe(name: str) -> Capability:
    """Try the capability `name`, once per process; later calls give the same answer. Takes about 50 ms."""
    meaning, trial = _TRIALS[name]
    if not sys.platform.startswith("linux"):
        return Capability(
            name, meaning, False, f"this is {sys.platform}, not Linux", "Run it on Linux, or in a container"
        )
    refused = attempt(f"probe of {name}", trial)
    return Capability(name, meaning, refused is None, *(refused or ()))


def attempt(name: str, trial: Callable[[], None]) -> tuple[str, str] | None:
    """Run `trial` in a child that is thrown away: None if it worked, else reason and remedy."""
    child = Child(name, functools.partial(_try, trial))
    try:
        refused: tuple[str, str] | None = child.result(_TIMEOUT_S)
    except ChildFailed as error:
        return f"the trial failed: {error}", "This is a fault of the lab: please report it with `lab doctor --json`"
    finally:
        child.close()
    return refused


def _try(trial: Callable[[], None], _control: Control) -> tuple[str, str] | None:
    """In the child: None if it worked, else reason and remedy."""
    try:
        trial()
    except CapabilityError as error:
        return f"{error.what}: {error.reason}", error.remedy
    return None


def _tun() -> None:
    from lab.path.tun.relay import own_user_namespace  # here, because pyroute2 exists only on Linux
    from lab.path.tun.sides import open_side

    own_user_namespace()
    open_side("server")


def _rootless() -> None:
    from lab.path.tun import relay  # noqa: F401  afterwards, an ordinary user may not be allowed to read our files

    become_ordinary_user()
    _tun()


def _realtime() -> None:
    if not take_realtime_priority(RELAY_PRIORITY):
        remedy = "Run as root (in a container: --cap-add SYS_NICE), or allow it: ulimit -r 1 (limits.conf: rtprio)"
        raise CapabilityError("take SCHED_FIFO", "Operation not permitted", remedy)


def _memlock() -> None:
    if not lock_memory():
        remedy = (
            "Run as root (in a container: --cap-add IPC_LOCK), or allow it: ulimit -l unlimited (limits.conf: memlock)"
        )
        raise CapabilityError("lock the process in memory", "the kernel refused mlockall", remedy)


_TRIALS: dict[str, tuple[str, Callable[[], None]]] = {
    "tun": ("two TUN devices in namespaces of their own: the lab's emulator", _tun),
    "rootless": ("the same as an ordinary user, in a user namespace", _rootless),
    "realtime": ("real-time priority for the emulator: smaller error bars", _realtime),
    "memlock": ("the emulator's memory locked: no page faults while it measures", _memlock),
}
