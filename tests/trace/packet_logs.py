"""Packet logs made by hand: what the path saw of one connection, in the columns that `lab.path` leaves."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.link.observer import Connection
from lab.link.packet import DOWN, HELD, LOST, NULL, SENT, UP
from lab.trace.join import PathLog

CLIENT_PORT, SERVER_PORT = 40_000, 8_000
SERVER_ISN = 1_000
HEADERS_BYTES = 52

__all__ = ["CLIENT_PORT", "DOWN", "HELD", "LOST", "NULL", "SENT", "SERVER_PORT", "UP", "Segment", "packet_log"]


class Segment(NamedTuple):
    """Data bytes [start, end) of the connection, when they entered and left the path, and what became of them."""

    start: int
    end: int
    t_in_ns: int
    t_out_ns: int = NULL
    verdict: int = SENT
    direction: int = DOWN
    connection: int = 1


_COLUMNS = (
    "direction index connection seq ack flags window payload_bytes bytes t_in_ns t_queue_out_ns t_due_ns t_out_ns verdict"
).split()


def connection(number: int = 1, client_port: int = CLIENT_PORT, server_isn: int | None = SERVER_ISN) -> Connection:
    """A connection between the two sides."""
    return Connection(number, "10.0.0.2", client_port, "10.0.0.1", SERVER_PORT, 7, server_isn)


def packet_log(
    segments: Sequence[Segment], connections: Sequence[Connection] | None = None, server_isn: int = SERVER_ISN
) -> PathLog:
    """The log of these segments, with the sequence numbers that the first byte after the SYN gives them."""
    columns: dict[str, list[int]] = {name: [] for name in _COLUMNS}
    for index, segment in enumerate(segments, start=1):
        size_bytes = segment.end - segment.start
        seq = (server_isn + 1 + segment.start) % 2**32
        t_out_ns = segment.t_out_ns if segment.verdict == SENT else NULL
        values = (segment.direction, index, segment.connection, seq, 8, 24, 65_535, size_bytes,
                  size_bytes + HEADERS_BYTES, segment.t_in_ns, segment.t_in_ns, segment.t_in_ns, t_out_ns,
                  segment.verdict)  # fmt: skip
        for name, value in zip(_COLUMNS, values, strict=True):
            columns[name].append(value)
    return PathLog(columns, connections if connections is not None else [connection(server_isn=server_isn)])
