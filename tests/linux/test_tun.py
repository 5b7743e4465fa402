"""The TUN device: what was asked for is what the kernel says it has, and refusals say what to do."""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.errors import CapabilityError
from lab.linux import namespaces, tun
from lab.linux.child import Child, Control
from lab.path.tun.relay import own_user_namespace

_IPV6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")


def _in_a_namespace(work: Callable[[], Any]) -> Any:
    """What `work` returns in a network namespace of its own."""

    def target(_control: Control) -> Any:
        own_user_namespace()
        namespaces.new_network_namespace()
        if _IPV6.exists():  # else the kernel's own multicast reports come before our packets
            _IPV6.write_text("1")
        return work()

    child = Child("tun test", target)
    try:
        return child.result(10)
    finally:
        child.close()


@pytest.mark.needs("tun")
def test_settings_are_read_back() -> None:
    def work() -> tuple[tun.Device, tun.Drops]:
        tun.open_tun("tun0")
        return tun.configure("tun0", "198.18.0.1", 24, mtu=1400, txqueuelen=12_345), tun.drops("tun0")

    device, drops = _in_a_namespace(work)
    assert (device.mtu, device.txqueuelen) == (1400, 12_345)
    assert device.qdisc
    assert drops == tun.Drops(sent=0, received=0)


@pytest.mark.needs("tun")
def test_a_full_ring_is_seen_in_the_drop_counter() -> None:
    def work() -> tuple[int, int]:
        fd = tun.open_tun("tun0")
        tun.configure("tun0", "198.18.0.1", 24, mtu=1500, txqueuelen=5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(20):
                sender.sendto(b"x", ("198.18.0.2", 9))
        read = 0
        with contextlib.suppress(BlockingIOError):
            while os.read(fd, 2048):
                read += 1
        return read, tun.drops("tun0").sent

    assert _in_a_namespace(work) == (5, 15)


@pytest.mark.needs("tun")
def test_packets_come_bare() -> None:
    def work() -> bytes:
        fd = tun.open_tun("tun0")
        tun.configure("tun0", "198.18.0.1", 24, mtu=1500, txqueuelen=5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"letter", ("198.18.0.2", 9))
        return os.read(fd, 2048)

    packet = _in_a_namespace(work)
    assert struct.unpack_from(">BxH", packet) == (0x45, 20 + 8 + 6)
    assert packet.endswith(b"letter")


@pytest.mark.needs("tun")
def test_two_devices_of_one_name_are_refused() -> None:
    def work() -> str:
        tun.open_tun("tun0")
        with pytest.raises(CapabilityError) as caught:
            tun.open_tun("tun0")
        return caught.value.reason

    assert _in_a_namespace(work) == os.strerror(errno.EBUSY)


@pytest.mark.needs("tun")
def test_the_counters_of_no_device_are_not_zero_but_an_error() -> None:
    def work() -> str:
        with pytest.raises(CapabilityError) as caught:
            tun.drops("tun0")
        return caught.value.what

    assert "tun0" in _in_a_namespace(work)


NODES = {
    "missing": (None, "modprobe tun"),
    "not a device": ("file", "CAP_NET_ADMIN"),
}


@pytest.mark.parametrize(("kind", "remedy"), NODES.values(), ids=NODES)
def test_an_unusable_node_says_what_to_do(
    kind: str | None, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "tun"
    if kind == "file":
        node.write_bytes(b"")
    monkeypatch.setattr(tun, "_NODE", str(node))
    with pytest.raises(CapabilityError, match=remedy):
        tun.open_tun("tun0")
