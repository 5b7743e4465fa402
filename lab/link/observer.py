"""Reads the headers of a packet as it enters the path and says which TCP connection it belongs to.

The rule: one look per packet, and it changes nothing. What is not a plain TCP/IPv4 packet (ICMP, UDP, fragments, IP
options, which Linux never sends with TCP) is still a packet of its direction, with connection and TCP fields `NULL`.
"""

from dataclasses import dataclass
from struct import Struct

from lab.link.packet import NULL, Packet

HEADERS = Struct(">BxHxxHxB14xIIBBH")
"""RFC 791 §3.1 and RFC 9293 §3.1 in one: version/IHL, total length, fragment, protocol, seq, ack, offset, flags, window."""

IPV4_PLAIN = 0x45
TCP = 6
FRAGMENT_MASK = 0x3FFF
"""More-fragments and the fragment's offset: both zero on a packet that is whole."""
SYN, ACK = 0x02, 0x10
HEADERS_BYTES = 40
OPTION_END, OPTION_NOP, OPTION_WINDOW_SCALE = 0, 1, 3
SHIFT_MAX = 14
"""RFC 7323 §2.3: a larger shift count must be treated as 14."""


@dataclass(slots=True)
class Connection:
    """A TCP connection seen on the path. The client is who sent the SYN; `server_isn` is None until its SYN-ACK came by."""

    number: int
    client_address: str
    client_port: int
    server_address: str
    server_port: int
    client_isn: int
    server_isn: int | None = None


class _Flow:
    """One sender's half of a connection: what a packet of it needs to know."""

    __slots__ = ("connection", "number", "offered_shift", "shift")

    def __init__(self, connection: Connection, offered_shift: int | None) -> None:
        self.connection = connection
        self.number = connection.number
        self.offered_shift = offered_shift
        self.shift = 0


class Observer:
    """Turns the bytes of one packet into a `Packet`; one observer sees both directions of a path."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self._flows: dict[bytes, _Flow] = {}
        self._counts = [0, 0]

    def observe(self, direction: int, data: bytes, now_ns: int) -> Packet:
        """`data` is one IP packet that entered the path in `direction` at `now_ns`."""
        self._counts[direction] = index = self._counts[direction] + 1
        size = len(data)
        if size < HEADERS_BYTES:
            return _other(direction, index, data, now_ns)
        version, total, fragment, protocol, seq, ack, offset, flags, window = HEADERS.unpack_from(data)
        if version != IPV4_PLAIN or protocol != TCP or fragment & FRAGMENT_MASK or total != size:
            return _other(direction, index, data, now_ns)
        key = data[12:24]
        flow = self._flows.get(key) if not flags & SYN else self._handshake(key, data, seq, flags)
        if flow is not None:
            connection = flow.number
            if not flags & SYN:
                window <<= flow.shift
        else:
            connection = NULL
        if not flags & ACK:
            ack = NULL
        payload = size - 20 - (offset >> 4) * 4
        return Packet(direction, index, connection, seq, ack, flags, window, payload, size, now_ns, data)

    def _handshake(self, key: bytes, data: bytes, seq: int, flags: int) -> _Flow | None:
        flow = self._flows.get(key)
        if flags & ACK:
            if flow is not None and flow.connection.server_isn is None:
                self._accepted(key, flow, seq, _window_shift(data))
            return flow
        if flow is None or flow.connection.client_isn != seq:
            flow = self._opened(key, data, seq)
        return flow

    def _opened(self, key: bytes, data: bytes, seq: int) -> _Flow:
        """A SYN with a number not seen yet: a new connection, even on ports that were used before."""
        source, destination = (".".join(map(str, key[at : at + 4])) for at in (0, 4))
        source_port, destination_port = int.from_bytes(key[8:10], "big"), int.from_bytes(key[10:12], "big")
        number = len(self.connections) + 1
        connection = Connection(number, source, source_port, destination, destination_port, seq)
        self.connections.append(connection)
        self._flows[_reversed(key)] = _Flow(connection, None)
        self._flows[key] = flow = _Flow(connection, _window_shift(data))
        return flow

    def _accepted(self, key: bytes, server: _Flow, seq: int, shift: int | None) -> None:
        """A SYN-ACK: windows are scaled only when both sides offered it (RFC 7323 §2.2)."""
        server.connection.server_isn = seq
        client = self._flows[_reversed(key)]
        if shift is not None and client.offered_shift is not None:
            server.shift, client.shift = shift, client.offered_shift


def _other(direction: int, index: int, data: bytes, now_ns: int) -> Packet:
    return Packet(direction, index, NULL, NULL, NULL, NULL, NULL, NULL, len(data), now_ns, data)


def _reversed(key: bytes) -> bytes:
    return key[4:8] + key[0:4] + key[10:12] + key[8:10]


def _window_shift(data: bytes) -> int | None:
    """The window scale option of a SYN (RFC 7323 §2.2: kind 3, length 3, shift), or None if it has none."""
    options = data[40 : 20 + (data[32] >> 4) * 4]
    at = 0
    while at < len(options) and options[at] != OPTION_END:
        if options[at] == OPTION_NOP:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2:
            return None
        if options[at] == OPTION_WINDOW_SCALE and length == 3 and at + 2 < len(options):
            return min(options[at + 2], SHIFT_MAX)
        at += length
    return None
