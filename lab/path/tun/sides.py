"""The two ends of the path: each a network namespace without a name and a TUN device in it.

The rule: the calling process makes both by unsharing and keeps them only by descriptor; it ends up in the last one made.
When it dies, the devices go at once and the namespaces with their last user: nothing can be left behind.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from lab.errors import CapabilityError
from lab.linux import egress, namespaces, tun
from lab.model.host import AS_IT_IS, HostSpec
from lab.model.path import LinkSpec
from lab.model.units import NS_PER_MS
from lab.path.base import HostSettings, SideName, SideRecord

SERVER_ADDRESS, CLIENT_ADDRESS = "198.18.0.1", "198.18.0.2"
"""From 198.18.0.0/15, which RFC 2544 (appendix C.2.2) sets aside for benchmarks: never a real host."""

_PREFIX = 24
_DEVICE = "tun0"
_TXQUEUELEN = 10_000
"""The default of 500 lost packets silently from 40,000 a second on."""
_SHAPED_PACKETS = 10_000
"""The queue of the token bucket: TCP small queues keep it far below, so that it never drops."""

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
    settings: HostSettings
    shaped: bool
    drops_before: tun.Drops

    def record(self) -> SideRecord:
        """Read the counters again. Moves this process into the side's namespace."""
        namespaces.enter_network_namespace(self.namespace_fd)
        return SideRecord(self.name, self.device, self.settings, self.drops_before, _drops(self.shaped))


def open_side(name: SideName, host: HostSpec = AS_IT_IS, link: LinkSpec | None = None) -> Side:
    """Make one end of `host`'s settings; `link` is the path from here.

    Raises CapabilityError with what this machine refused.
    """
    namespace_fd = namespaces.new_network_namespace()
    wanted = {**dict(_SYSCTLS), **_switches(host)}
    settings: HostSettings = {
        f"net.{key.replace('/', '.')}": (value, _sysctl(_PROC_NET / key, value))
        for key, value in wanted.items()
        if _exists(key)
    }
    device_fd = tun.open_tun(_DEVICE)
    address, peer = (SERVER_ADDRESS, CLIENT_ADDRESS) if name == "server" else (CLIENT_ADDRESS, SERVER_ADDRESS)
    device = tun.configure(_DEVICE, address, _PREFIX, host.mtu, _TXQUEUELEN)
    settings |= {"mtu": (host.mtu, device.mtu), "txqueuelen": (_TXQUEUELEN, device.txqueuelen)}
    if name == "server":
        settings |= _route(host, peer)
        if host.autocork is not None and link is not None and isinstance(link.rate, int):
            settings |= _queue(host, link.rate)
    shaped = "tbf.rate_bps" in settings
    return Side(name, device_fd, namespace_fd, device, settings, shaped, _drops(shaped))


def _switches(host: HostSpec) -> dict[str, str]:
    """The sysctls that a scenario decides, set even where that is what a new namespace has."""
    return {
        "ipv4/tcp_slow_start_after_idle": str(int(host.slow_start_after_idle)),
        "ipv4/tcp_autocorking": str(int(host.autocork is not False)),
    }


def _route(host: HostSpec, peer: str) -> HostSettings:
    """What the server's route tells TCP, for any program there.

    `initrwnd` is left alone: it only narrows what a receiver announces (net/ipv4/tcp_output.c, tcp_select_initial_window).
    """
    rto_min_ms = None if host.rto_min is None else host.rto_min // NS_PER_MS
    wanted = {"initcwnd": host.initial_window, "rto_min": rto_min_ms}
    metrics = {key: value for key, value in wanted.items() if value is not None}
    if not metrics:
        return {}
    got = egress.tell_tcp(_DEVICE, peer, metrics)
    return {f"route.{key}": (value, got[key]) for key, value in metrics.items()}


def _queue(host: HostSpec, rate_bps: int) -> HostSettings:
    """The bottleneck's queue in the server's own kernel: plain TUN takes every packet at once and leaves none to be seen."""
    asked = {"rate_bps": rate_bps, "limit_bytes": _SHAPED_PACKETS * host.mtu}
    got = egress.shape(_DEVICE, rate_bps, host.mtu, asked["limit_bytes"])
    return {f"tbf.{key}": (value, got[key]) for key, value in asked.items()}


def _drops(shaped: bool) -> tun.Drops:
    """The device's own, and those of the queue before it if there is one: no packet log can know either."""
    drops = tun.drops(_DEVICE)
    return tun.Drops(drops.sent + egress.shaped_drops(_DEVICE), drops.received) if shaped else drops


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
