"""The way out of a namespace: what route and queue were told is what the kernel says of them; refusals say what to do."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.errors import CapabilityError
from lab.linux import egress, namespaces, tun
from lab.linux.child import Child, Control
from lab.path.tun.relay import own_user_namespace

pytestmark = pytest.mark.needs("tun")

PEER = "198.18.0.2"
PAYLOAD_BYTES = 972  # a packet of 1000


def _on_a_device(work: Callable[[], Any]) -> Any:
    """What `work` returns where there is a `tun0` of MTU 1500 that nobody reads."""

    def target(_control: Control) -> Any:
        own_user_namespace()
        namespaces.new_network_namespace()
        fd = tun.open_tun("tun0")
        tun.configure("tun0", "198.18.0.1", 24, mtu=1500, txqueuelen=1000)
        return work(), fd

    child = Child("egress test", target)
    try:
        return child.result(10)[0]
    finally:
        child.close()


@pytest.mark.parametrize("metrics", [{"initcwnd": 30}, {"rto_min": 50}, {"initcwnd": 4, "rto_min": 1000}])
def test_what_a_route_tells_tcp_is_read_back(metrics: dict[str, int]) -> None:
    assert _on_a_device(lambda: egress.tell_tcp("tun0", PEER, metrics)) == metrics


def test_a_token_bucket_is_read_back_and_has_dropped_nothing() -> None:
    def work() -> tuple[dict[str, int], int]:
        return egress.shape("tun0", 5_000_000, 1500, 30_000), egress.shaped_drops("tun0")

    assert _on_a_device(work) == ({"rate_bps": 5_000_000, "limit_bytes": 30_000}, 0)


def test_what_a_full_queue_drops_is_counted() -> None:
    """Of 20 packets one has its tokens at once and ten fit; the rate is one that lets no further one go meanwhile."""

    def work() -> int:
        egress.shape("tun0", 8_000, 1500, 10_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(20):
                sender.sendto(bytes(PAYLOAD_BYTES), (PEER, 9))
        return egress.shaped_drops("tun0")

    assert _on_a_device(work) == 9


def test_a_refusal_of_the_kernel_is_told() -> None:
    def work() -> CapabilityError:
        try:
            egress.tell_tcp("tun0", "203.0.113.1", {"initcwnd": 30})
            egress.tell_tcp("tun0", "203.0.113.1", {"initcwnd": 30})
        except CapabilityError as error:
            return error
        raise AssertionError("it may not be said twice")

    error = _on_a_device(work)
    assert error.what == "set initcwnd 30 on a route over tun0"
    assert "exists" in error.reason
