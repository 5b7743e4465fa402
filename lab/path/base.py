"""The one interface of every path, as a repetition uses it, and the record a path leaves.

The order of use: fork `relay` if there is one; hand its "ready" message to `attach`; in every forked child call `enter`
before any socket is opened; stop the relay and take its `PathRecord`; `close`. A path never changes the conductor's own
namespaces.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lab.link.observer import Connection

if TYPE_CHECKING:  # importing pyroute2 takes a quarter of a second, which a loopback run need not pay
    from lab.linux.tun import Device, Drops

SideName = Literal["server", "client"]

HostSettings = dict[str, tuple[object, object]]
"""By name (a sysctl, "mtu", "route.…", "tbf.…"): what was asked of the kernel, and what it then read back."""


class Control(Protocol):
    """What a forked target needs of its parent. Readable means: stop now (or the parent is gone)."""

    def fileno(self) -> int: ...

    def send(self, kind: str, payload: dict[str, Any], fds: Sequence[int] = ()) -> None: ...


@dataclass(frozen=True, slots=True)
class SideRecord:
    """One end of the path: its device and its settings as the kernel has them, its own drops before and after."""

    name: SideName
    device: "Device"
    settings: HostSettings
    drops_before: "Drops"
    drops_after: "Drops"


@dataclass(frozen=True, slots=True)
class PathRecord:
    """What a path saw.

    `packets` is the packet log: the integer columns of the contract's table `path`, all of one length, in the order in
    which packets left. `direction` indexes `lab.link.packet.DIRECTIONS`, `verdict` indexes `VERDICTS`, and
    `lab.link.packet.NULL` (−1) stands for null in every column. Times are ns on CLOCK_MONOTONIC.
    """

    packets: Mapping[str, "array[int]"]
    connections: tuple[Connection, ...]
    sides: tuple[SideRecord, SideRecord]
    realtime_priority: bool
    memory_locked: bool
    user_namespace: bool


class Path(Protocol):
    """A path as the conductor holds it; forked children inherit it with its descriptors."""

    @property
    def backend(self) -> str:
        """The name of what applies it: "tun" or "loopback"."""

    @property
    def server_address(self) -> str:
        """The IPv4 address on which servers listen and to which clients connect."""

    @property
    def relay(self) -> Callable[[Control], PathRecord] | None:
        """The target of the process that carries the packets, or None where the kernel does it alone.

        It sends one message "ready" whose descriptors go to `attach`, and returns its record after `control` said stop.
        """

    def attach(self, fds: Sequence[int]) -> None:
        """Take over the descriptors of the relay's "ready" message."""

    def enter(self, side: SideName) -> None:
        """Move this process, single-threaded and without sockets, to its side of the path. Raises CapabilityError."""

    def close(self) -> None:
        """Let go of the descriptors. Safe to call twice."""
