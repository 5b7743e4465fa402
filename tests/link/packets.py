"""Packets for the tests of the link: bare ones for the stages, and real IPv4/TCP bytes for the observer."""

from struct import pack

from lab.link.packet import DOWN, Packet

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

CLIENT, SERVER = ("198.18.0.2", 40000), ("198.18.0.1", 80)
Endpoint = tuple[str, int]


def packet(
    size_bytes: int = 1500, payload_bytes: int | None = None, connection: int = 1, index: int = 1, t_in_ns: int = 0
) -> Packet:
    """A packet as the stages see it; without `payload_bytes`, all but 40 bytes of headers is payload."""
    payload = size_bytes - 40 if payload_bytes is None else payload_bytes
    return Packet(DOWN, index, connection, 0, 0, ACK, 65535, payload, size_bytes, t_in_ns, b"")


def tcp(
    source: Endpoint = CLIENT,
    destination: Endpoint = SERVER,
    flags: int = ACK,
    seq: int = 1,
    ack: int = 0,
    window: int = 1000,
    payload: bytes = b"",
    options: bytes = b"",
) -> bytes:
    """One IPv4 packet with a TCP segment; `options` must be a multiple of four bytes. Checksums are zero."""
    offset = (5 + len(options) // 4) << 4
    ports = pack(">HH", source[1], destination[1])
    segment = ports + pack(">IIBBHHH", seq, ack, offset, flags, window, 0, 0) + options + payload
    return ipv4(segment, source[0], destination[0])


def ipv4(payload: bytes, source: str, destination: str, protocol: int = 6, fragment: int = 0) -> bytes:
    """An IPv4 header without options before `payload`."""
    head = pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, fragment, 64, protocol, 0)
    addresses = bytes(int(part) for address in (source, destination) for part in address.split("."))
    return head + addresses + payload


def window_scale(shift: int) -> bytes:
    """The option as Linux writes it: a NOP, then kind 3, length 3, shift (RFC 7323 §2.2)."""
    return bytes((1, 3, 3, shift))
