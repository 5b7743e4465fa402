"""The two ends of the path: each a network namespace without a name and a TUN device in it.

The rule: the calling process makes both by unsharing and keeps them only by descriptor; it ends up in the last one made.
When it dies, the devices go at once and the namespaces with their last user: nothing can be left behind.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from lab.errors import CapabilityError
from lab.linux import namespaces, tun
from lab.path.base import SideName, SideRecord

SERVER_ADDRESS, CLIENT_ADDRESS = "198.18.0.1", "198.18.0.2"
"""From 198.18.0.0/15, which RFC 2544 (appendix C.2.2) sets aside for benchmarks: never a real host."""

_PREFIX = 24
_DEVICE = "tun0"
_MTU = 1500
_TXQUEUELEN = 10_000
"""The default of 500 lost packets silently from 40,000 a second on."""

_PROC_NET = Path("/proc/sys/net")
_SYSCTLS = (
    ("ipv6/conf/all/disable_ipv6", "1"),  # else neighbour and multicast packets of its own appear in the log
    ("ipv6/conf/default/disable_ipv6", "1"),
    ("ipv4/tcp_no_metrics_save", "1"),  # else a connection inherits ssthresh and RTT from the one before
)


@dataclass(frozen=True, slots=True)
class Side:
    """One end, as the relay holds it."""

    name: SideName
    device_fd: int
    namespace_fd: int
    device: tun.Device
    sysctls: dict[str, str]
    drops_before: tun.Drops

    def record(self) -> SideRecord:
        """Read the counters again. Moves this process into the side's namespace."""
        namespaces.enter_network_namespace(self.namespace_fd)
        after = tun.drops(_DEVICE)
        return SideRecord(self.name, self.device, self.sysctls, self.drops_before, after)


def open_side(name: SideName) -> Side:
    """Make one end. Raises CapabilityError with what this machine refused."""
    namespace_fd = namespaces.new_network_namespace()
    sysctls = {key.replace("/", "."): _sysctl(_PROC_NET / key, value) for key, value in _SYSCTLS if _exists(key)}
    device_fd = tun.open_tun(_DEVICE)
    address = SERVER_ADDRESS if name == "server" else CLIENT_ADDRESS
    device = tun.configure(_DEVICE, address, _PREFIX, _MTU, _TXQUEUELEN)
    return Side(name, device_fd, namespace_fd, device, sysctls, tun.drops(_DEVICE))


def _exists(key: str) -> bool:
    """A kernel without IPv6 has no switch for it, and needs none."""
    return not key.startswith("ipv6") or os.path.exists(_PROC_NET / key)


def _sysctl(path: Path, value: str) -> str:
    """Set it in this namespace and read it back."""
    try:
        path.write_text(value)
        return path.read_text().strip()
    except OSError as error:
        remedy = (
            "In a container: /proc/sys must be writable; start it with --security-opt systempaths=unconfined, "
            "and with apparmor=unconfined where AppArmor is on"
        )
        raise CapabilityError(f"set {path} to {value}", error.strerror or str(error), remedy) from error
