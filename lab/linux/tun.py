"""A TUN device: opened without offloads, given an address and brought up, its settings and drop counters read back.

The rule: the device belongs to the network namespace the calling process is in, and dies with its descriptor. Plain TUN
never delivers more than one packet of the MTU's size, so no offload is asked for. TUN gives no back-pressure: what does not
fit its ring of `txqueuelen` packets is lost, which only the drop counters tell.
"""

import errno
import fcntl
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from lab.errors import CapabilityError

_TUNSETIFF = 0x400454CA  # _IOW('T', 202, int), linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_IFREQ = struct.Struct("16sH22x")
_NODE = "/dev/net/tun"
_LOOPBACK_INDEX = 1
"""The loopback device is the first of every network namespace (net/core/dev.c)."""


@dataclass(frozen=True, slots=True)
class Device:
    """What the kernel says the device really got."""

    mtu: int
    txqueuelen: int
    qdisc: str | None


@dataclass(frozen=True, slots=True)
class Drops:
    """Packets a device lost by itself: on the way to the relay (`sent`: ring full) or from it (`received`: backlog)."""

    sent: int
    received: int


def open_tun(name: str) -> int:
    """A non-blocking descriptor of the new device `name` in this network namespace. Raises CapabilityError."""
    what = f"create a TUN device from {_NODE}"
    try:
        fd = os.open(_NODE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CapabilityError(what, error.strerror or str(error), _node_remedy(error.errno)) from error
    try:
        fcntl.ioctl(fd, _TUNSETIFF, _IFREQ.pack(name.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        os.close(fd)
        remedy = "It needs CAP_NET_ADMIN in the network namespace: run as root, or allow user namespaces"
        raise CapabilityError(what, error.strerror or str(error), remedy) from error
    return fd


def configure(name: str, address: str, prefix: int, mtu: int, txqueuelen: int) -> Device:
    """Bring up the loopback and the device `name` with one IPv4 address; returns what the device really got."""
    index = socket.if_nametoindex(name)
    try:
        with IPRoute() as route:
            route.link("set", index=_LOOPBACK_INDEX, state="up")
            route.addr("add", index=index, address=address, prefixlen=prefix)
            route.link("set", index=index, mtu=mtu, txqlen=txqueuelen, state="up")
            link = route.get_links(index)[0]
    except NetlinkError as error:
        what = f"set up {name} with {address}/{prefix}, MTU {mtu} and {txqueuelen} packets"
        raise CapabilityError(what, str(error), "It needs CAP_NET_ADMIN in the network namespace") from error
    return Device(link.get_attr("IFLA_MTU"), link.get_attr("IFLA_TXQLEN"), link.get_attr("IFLA_QDISC"))


def drops(name: str) -> Drops:
    """The drop counters of the device `name` in this network namespace (/proc/net/dev, net/core/net-procfs.c)."""
    for line in Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]:
        device, _, counters = line.partition(":")
        if device.strip() == name:
            fields = counters.split()
            return Drops(sent=int(fields[11]), received=int(fields[3]))
    raise CapabilityError(f"read the drop counters of {name}", "there is no such device", "Was the relay's TUN closed?")


def _node_remedy(code: int | None) -> str:
    if code == errno.ENOENT:
        return "As root: modprobe tun; in a container: start it with --device /dev/net/tun"
    if code in (errno.EACCES, errno.EPERM):
        return f"As root: chmod 0666 {_NODE}; in a container: start it with --device /dev/net/tun"
    return "As root: modprobe tun"
