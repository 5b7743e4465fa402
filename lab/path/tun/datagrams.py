"""Datagrams at a steady rate over a real relay: what the path does when nothing answers and nothing waits.

The rule: the sender stamps each one before it sends it, so that the whole way is known from outside the relay, whose log
cannot see that it read late. Server to client, the direction of a stream.
"""

import select
import socket
import time
from array import array
from typing import NamedTuple

from lab.linux.child import Control
from lab.model.path import PathSpec
from lab.model.units import NS_PER_S
from lab.path.base import PathRecord
from lab.path.tun.running import START_S, inside, relaying
from lab.path.tun.sides import CLIENT_ADDRESS

_PORT = 8000
HEADER_BYTES = 28
"""IPv4 and UDP (RFC 791, RFC 768): what a datagram has beside its payload."""


class Stream(NamedTuple):
    """`packets` of `payload_bytes`, `packets_per_s` of them; then a pause of `drain_s` before the relay is stopped."""

    packets_per_s: int
    packets: int
    payload_bytes: int
    drain_s: float


class Carried(NamedTuple):
    """The path's record, and when each datagram was sent (ns, CLOCK_MONOTONIC), in order."""

    record: PathRecord
    sent_ns: "array[int]"


def carry(spec: PathSpec, stream: Stream) -> Carried:
    """Send `stream` over a path of `spec`. Raises ChildFailed when one of the processes fails."""

    def send(_control: Control) -> "array[int]":
        return _send(stream)

    limit_s = START_S + 2 * stream.packets / stream.packets_per_s + stream.drain_s
    with relaying(spec) as (path, relay), inside(path, "client", _hold_the_port) as receiving:
        receiving.receive(START_S)
        with inside(path, "server", send) as sending:
            sent_ns = sending.result(limit_s, beside=[relay])
        relay.stop()
        return Carried(relay.result(START_S), sent_ns)


def _send(stream: Stream) -> "array[int]":
    interval_ns, sent_ns, payload = NS_PER_S // stream.packets_per_s, array("q"), bytes(stream.payload_bytes)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        start_ns = time.monotonic_ns()
        for index in range(stream.packets):
            if (wait_ns := start_ns + index * interval_ns - time.monotonic_ns()) > 0:
                time.sleep(wait_ns / NS_PER_S)  # the pace; when it really left is stamped, so a late wake-up is seen
            sent_ns.append(time.monotonic_ns())
            end.sendto(payload, (CLIENT_ADDRESS, _PORT))
    time.sleep(stream.drain_s)  # the last are still on their way, and the path ends with its users
    return sent_ns


def _hold_the_port(control: Control) -> None:
    """Without a socket the kernel would answer each datagram with an ICMP error."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind((CLIENT_ADDRESS, _PORT))
        control.send("bound", {})
        select.select([control], [], [])
