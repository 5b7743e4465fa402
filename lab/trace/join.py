"""The join of what server, path and client saw into the tables of one repetition.

The rule: server and client are joined by the stream's label and the chunk's place in it, both to the path by TCP sequence
number, and what cannot be joined is null. Nothing is clamped: one instant only is made sharper than it was stamped. `send`
hands a segment to the device before it returns, so when the byte is known to have left, or to have been read, before `send`
came back, that is when the kernel had accepted it at the latest. (The raw stamp stays in the table `writes`.)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from lab.link.observer import Connection
from lab.link.packet import DIRECTIONS, NULL, VERDICTS
from lab.trace.packets import PacketIndex, index_connections
from lab.trace.records import ChunkRow, SaidRow, StreamSaid, StreamSeen, WriteRow
from lab.trace.schema import TABLES


@dataclass(frozen=True)
class PathLog:
    """The packet log as `lab.path` leaves it: columns of equal length with `NULL` for null, and the connections in it."""

    packets: Mapping[str, Sequence[int]]
    connections: Sequence[Connection]


@dataclass
class Joined:
    """The tables of one repetition, and how many chunks the two sides do not agree on."""

    tables: dict[str, pa.Table]
    disagreements: int


@dataclass
class _Stream:
    """One stream with its two sides and its packets."""

    number: int
    said: StreamSaid | None
    seen: StreamSeen
    same_bytes: bool  # the client read what the server wrote: no proxy between them framed it anew
    packets: PacketIndex | None
    connection: Connection | None


@dataclass
class _Rows:
    """Columns under construction."""

    table: str
    columns: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, **values: Any) -> None:
        for name in TABLES[self.table].names:
            self.columns.setdefault(name, []).append(values.get(name))

    def finish(self) -> pa.Table:
        return pa.table(self.columns, schema=TABLES[self.table]) if self.columns else TABLES[self.table].empty_table()


def join(
    cell: str,
    rep: int,
    said: Iterable[StreamSaid],
    seen: Iterable[StreamSeen],
    path: PathLog | None,
    chunks_expected: int | None,
    *,
    proxied: bool = False,
) -> Joined:
    """Join one repetition.

    `said` is empty and `chunks_expected` None for somebody else's server, `path` None where no packet was logged. `proxied`
    says that a hop between server and path may have framed the response anew: then offsets are the client's alone.
    """
    rows = {name: _Rows(name) for name in ("chunks", "writes", "reads", "streams")}
    key = {"cell": cell, "rep": rep}
    disagreements = 0
    for stream in _streams(said, seen, path, proxied):
        own_key = key | {"stream": stream.number}
        disagreements += _add_chunks(rows["chunks"], own_key, stream)
        _add_writes(rows["writes"], own_key, stream)
        _add_reads(rows["reads"], own_key, stream)
        _add_stream(rows["streams"], own_key, stream, chunks_expected)
    tables = {name: each.finish() for name, each in rows.items()}
    if path is not None:
        tables["path"] = _path_table(cell, rep, path.packets)
    return Joined(tables, disagreements)


def _streams(
    said: Iterable[StreamSaid], seen: Iterable[StreamSeen], path: PathLog | None, proxied: bool
) -> Iterable[_Stream]:
    by_label = {stream.stream: stream for stream in said}
    connections = index_connections(path.packets, path.connections) if path is not None else {}
    for client in seen:
        server = by_label.get(client.stream)
        ports = _ports(client, None if proxied else server)
        connection, packets = connections.get(ports, (None, None))
        offset = server.connection_offset if server and not proxied else client.connection_offset
        placed = packets.from_offset(offset) if packets is not None else None
        yield _Stream(client.stream, server, client, not proxied, placed, connection)


def _ports(client: StreamSeen, server: StreamSaid | None) -> tuple[int | None, int | None]:
    """Of the connection: from the server's side where the client has no socket that it could ask."""
    if client.client_port is None and server is not None:
        return server.client_port, server.server_port
    return client.client_port, client.server_port


_UNSAID = SaidRow(offset=None, end=None, write_index=None, due_ns=None, emit_ns=None, text=None)
"""Stands for a server whose side is not known."""


def _add_chunks(rows: _Rows, key: dict[str, Any], stream: _Stream) -> int:
    """One row per chunk that was said or seen; returns on how many the two sides disagree about where it ended."""
    said, seen = stream.said.chunks if stream.said else [], stream.seen.chunks
    disagreements, seen_end = 0, stream.seen.reads[0].offset if stream.seen.reads else 0
    for index in range(max(len(said), len(seen))):
        server = said[index] if index < len(said) else _UNSAID
        client = seen[index] if index < len(seen) else None
        end = client.end if client and client.end is not None else _own(stream, server.end)
        disagreements += client is not None and stream.said is not None and _differ(stream, server, client)
        offset = _own(stream, server.offset)
        offset = seen_end if offset is None and client is not None else offset
        seen_end = end if end is not None else seen_end
        write = stream.said.writes[server.write_index - 1] if stream.said and server.write_index else None
        sent_ns, recv_ns = _crossing(stream.packets, end)
        read = stream.seen.reads[client.read_index - 1] if client and client.read_index else None
        rows.add(
            **key,
            seq=index + 1,
            offset=offset,
            bytes=None if end is None or offset is None else end - offset,
            text=client.text if client else server.text,
            due_ns=server.due_ns,
            emit_ns=server.emit_ns if stream.said or not client else client.emit_ns,
            write_ns=write.write_ns if write else None,
            accepted_ns=_accepted_ns(write, sent_ns, read.read_ns if read else None),
            sent_ns=sent_ns,
            recv_ns=recv_ns,
            read_ns=read.read_ns if read else None,
            arrival_ns=client.arrival_ns if client else None,
            write_index=server.write_index,
            read_index=(client.read_index or None) if client else None,
        )
    return disagreements


def _own(stream: _Stream, offset: int | None) -> int | None:
    """An offset that the server counted, where the client's bytes are the same."""
    return offset if stream.same_bytes else None


def _differ(stream: _Stream, server: SaidRow, client: ChunkRow) -> bool:
    """Whether the two sides cannot mean the same chunk: another place in the same bytes, or another text."""
    return (stream.same_bytes and client.end is not None and server.end != client.end) or server.text != client.text


def _crossing(packets: PacketIndex | None, end: int | None) -> tuple[int | None, int | None]:
    """When the segment with the byte before `end` entered and left the path."""
    return packets.crossing(end - 1) if packets is not None and end is not None else (None, None)


def _accepted_ns(write: WriteRow | None, *witnesses_ns: int | None) -> int | None:
    """The end of the `send`, or the first later instant of the byte, if that was seen during the `send`."""
    if write is None:
        return None
    seen_ns = [witness for witness in witnesses_ns if witness is not None and witness >= write.write_ns]
    return min([write.accepted_ns, *seen_ns])


def _add_writes(rows: _Rows, key: dict[str, Any], stream: _Stream) -> None:
    for index, write in enumerate(stream.said.writes if stream.said else [], start=1):
        sent_ns, _ = _crossing(stream.packets, _own(stream, write.offset + write.size_bytes))
        rows.add(
            **key,
            index=index,
            offset=write.offset,
            bytes=write.size_bytes,
            blocked=write.blocked,
            write_ns=write.write_ns,
            accepted_ns=write.accepted_ns,
            sent_ns=sent_ns,
        )


def _add_reads(rows: _Rows, key: dict[str, Any], stream: _Stream) -> None:
    for index, read in enumerate(stream.seen.reads, start=1):
        stamps = {"stamp_ns": read.stamp_ns, "read_ns": read.read_ns}
        rows.add(**key, index=index, offset=read.offset, bytes=read.size_bytes, **stamps)


_COPIED = (
    "client_port server_port due_ns connect_ns connected_ns request_ns first_byte_ns headers_ns end_ns "
    "status completion error"
).split()


def _add_stream(rows: _Rows, key: dict[str, Any], stream: _Stream, chunks_expected: int | None) -> None:
    rows.add(
        **key,
        connection=stream.seen.connection or None,
        request=stream.seen.request or None,
        **{name: getattr(stream.seen, name) for name in _COPIED},
        client_isn=stream.connection.client_isn if stream.connection else None,
        server_isn=stream.connection.server_isn if stream.connection else None,
        chunks_expected=chunks_expected,
        chunks_received=len(stream.seen.chunks),
    )


def _path_table(cell: str, rep: int, packets: Mapping[str, Sequence[int]]) -> pa.Table:
    schema = TABLES["path"]
    count = len(packets["direction"])
    words = {"direction": DIRECTIONS, "verdict": VERDICTS}
    columns: dict[str, Any] = {"cell": [cell] * count, "rep": [rep] * count}
    for name in schema.names[2:]:
        if name in words:
            columns[name] = [words[name][value] for value in packets[name]]
        else:
            columns[name] = [None if value == NULL else value for value in packets[name]]
    return pa.table(columns, schema=schema)
