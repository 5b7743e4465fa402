"""Which of the server's records answers which request of the client, and which packets carried it.

The rule: the label says which stream it was. Of a stream whose reader came back, a record belongs to the last request that
had been made by then: both sides have one clock, and a reader asks again only after it has lost the response before. A
record that the client knows nothing of cannot be told apart from one that it does, so the later of two wins.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.link.observer import Connection
from lab.trace.packets import PacketIndex, Ports
from lab.trace.records import StreamSaid, StreamSeen

Connections = Mapping[Ports, tuple[Connection, PacketIndex]]
"""By (client port, server port)."""


@dataclass
class Response:
    """One response with its two sides and its packets, and how many rows its stream had before it."""

    number: int
    said: StreamSaid | None
    seen: StreamSeen
    same_bytes: bool  # the client read what the server wrote: no proxy between them framed it anew
    packets: PacketIndex | None
    connection: Connection | None
    chunks_before: int = 0
    writes_before: int = 0
    reads_before: int = 0

    @property
    def chunks(self) -> int:
        """Chunks that were said or seen."""
        return max(len(self.said.chunks) if self.said else 0, len(self.seen.chunks))


def responses(
    said: Iterable[StreamSaid],
    seen: Iterable[StreamSeen],
    connections: Connections,
    *,
    proxied: bool,
) -> Iterable[tuple[StreamSeen, list[Response]]]:
    """Each stream, and its responses in their order, of which there is at least one."""
    by_label: dict[int, list[StreamSaid]] = {}
    for record in sorted(said, key=lambda record: record.head_ns):
        by_label.setdefault(record.stream, []).append(record)
    for stream in seen:
        sides = _paired(by_label.get(stream.stream, []), [stream, *stream.returns])
        found = [_response(*each, connections, proxied) for each in sides]
        for before, after in pairwise(found):
            after.number = before.number + 1
            after.chunks_before = before.chunks_before + before.chunks
            after.writes_before = before.writes_before + len(before.said.writes if before.said else [])
            after.reads_before = before.reads_before + len(before.seen.reads)
        yield stream, found


def _paired(said: Sequence[StreamSaid], seen: Sequence[StreamSeen]) -> list[tuple[StreamSaid | None, StreamSeen]]:
    """Every request with the server's record of it, if there is one; `said` is in order of time."""
    records: list[StreamSaid | None] = [None] * len(seen)
    for record in said:
        records[
            max(number for number, request in enumerate(seen) if not number or _made_by(request, record.head_ns))
        ] = record
    return list(zip(records, seen, strict=True))


def _made_by(request: StreamSeen, now_ns: int) -> bool:
    return request.request_ns is not None and request.request_ns <= now_ns


def _response(
    said: StreamSaid | None,
    seen: StreamSeen,
    connections: Connections,
    proxied: bool,
) -> Response:
    connection, packets = connections.get(_ports(seen, None if proxied else said), (None, None))
    offset = said.connection_offset if said and not proxied else seen.connection_offset
    placed = packets.from_offset(offset) if packets is not None else None
    return Response(1, said, seen, not proxied, placed, connection)


def _ports(client: StreamSeen, server: StreamSaid | None) -> Ports:
    """Of the connection: from the server's side where the client has no socket that it could ask."""
    if client.client_port is None and server is not None:
        return server.client_port, server.server_port
    return client.client_port, client.server_port
