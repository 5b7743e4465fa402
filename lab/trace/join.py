"""The join of what server, path and client saw into the tables of one repetition.

The rule: server and client are joined by the stream's label and the chunk's place in its response, both to the path by TCP
sequence number, and what cannot be joined is null. Rows are numbered through the stream; offsets count within a response.
Nothing is clamped: one instant only is made sharper than it was stamped. `send` hands a segment to the device before it
returns, so when the byte is known to have left, or to have been read, before `send` came back, that is when the kernel had
accepted it at the latest. (The raw stamp stays in the table `writes`.)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from lab.link.observer import Connection
from lab.link.packet import DIRECTIONS, NULL, VERDICTS
from lab.trace.packets import PacketIndex, index_connections
from lab.trace.records import ChunkRow, SaidRow, StreamSaid, StreamSeen, WriteRow
from lab.trace.responses import Response, responses
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
    connections = index_connections(path.packets, path.connections) if path is not None else {}
    for stream, answers in responses(said, seen, connections, proxied=proxied):
        own_key = key | {"stream": stream.stream}
        for response in answers:
            disagreements += _add_chunks(rows["chunks"], own_key, response)
            _add_writes(rows["writes"], own_key, response)
            _add_reads(rows["reads"], own_key, response)
        _add_stream(rows["streams"], own_key, stream, answers, chunks_expected)
    tables = {name: each.finish() for name, each in rows.items()}
    if path is not None:
        tables["path"] = _path_table(cell, rep, path.packets)
    return Joined(tables, disagreements)


_UNSAID = SaidRow(offset=None, end=None, write_index=None, due_ns=None, emit_ns=None, text=None)
"""Stands for a server whose side is not known."""


def _add_chunks(rows: _Rows, key: dict[str, Any], response: Response) -> int:
    """One row per chunk that was said or seen; returns on how many the two sides disagree about where it ended."""
    said, seen = response.said.chunks if response.said else [], response.seen.chunks
    disagreements, seen_end = 0, response.seen.reads[0].offset if response.seen.reads else 0
    for index in range(response.chunks):
        server = said[index] if index < len(said) else _UNSAID
        client = seen[index] if index < len(seen) else None
        end = client.end if client and client.end is not None else _own(response, server.end)
        disagreements += client is not None and response.said is not None and _differ(response, server, client)
        offset = _own(response, server.offset)
        offset = seen_end if offset is None and client is not None else offset
        seen_end = end if end is not None else seen_end
        write = response.said.writes[server.write_index - 1] if response.said and server.write_index else None
        sent_ns, recv_ns = _crossing(response.packets, end)
        read = response.seen.reads[client.read_index - 1] if client and client.read_index else None
        rows.add(
            **key,
            seq=response.chunks_before + index + 1,
            response=response.number,
            place=response.said.first_place + index if response.said and index < len(said) else None,
            offset=offset,
            bytes=None if end is None or offset is None else end - offset,
            text=client.text if client else server.text,
            due_ns=server.due_ns,
            emit_ns=server.emit_ns if response.said or not client else client.emit_ns,
            write_ns=write.write_ns if write else None,
            accepted_ns=_accepted_ns(write, sent_ns, read.read_ns if read else None),
            sent_ns=sent_ns,
            recv_ns=recv_ns,
            readable_ns=_readable_ns(response.packets, end),
            read_ns=read.read_ns if read else None,
            arrival_ns=client.arrival_ns if client else None,
            write_index=response.writes_before + server.write_index if server.write_index else None,
            read_index=response.reads_before + client.read_index if client and client.read_index else None,
        )
    return disagreements


def _own(response: Response, offset: int | None) -> int | None:
    """An offset that the server counted, where the client's bytes are the same."""
    return offset if response.same_bytes else None


def _differ(response: Response, server: SaidRow, client: ChunkRow) -> bool:
    """Whether the two sides cannot mean the same chunk: another place in the same bytes, or another text."""
    return (response.same_bytes and client.end is not None and server.end != client.end) or server.text != client.text


def _crossing(packets: PacketIndex | None, end: int | None) -> tuple[int | None, int | None]:
    """When the segment with the byte before `end` entered and left the path."""
    return packets.crossing(end - 1) if packets is not None and end is not None else (None, None)


def _readable_ns(packets: PacketIndex | None, end: int | None) -> int | None:
    return packets.readable(end - 1) if packets is not None and end is not None else None


def _accepted_ns(write: WriteRow | None, *witnesses_ns: int | None) -> int | None:
    """The end of the `send`, or the first later instant of the byte, if that was seen during the `send`."""
    if write is None:
        return None
    seen_ns = [witness for witness in witnesses_ns if witness is not None and witness >= write.write_ns]
    return min([write.accepted_ns, *seen_ns])


def _add_writes(rows: _Rows, key: dict[str, Any], response: Response) -> None:
    for index, write in enumerate(response.said.writes if response.said else [], start=response.writes_before + 1):
        sent_ns, _ = _crossing(response.packets, _own(response, write.offset + write.size_bytes))
        rows.add(
            **key,
            index=index,
            response=response.number,
            offset=write.offset,
            bytes=write.size_bytes,
            blocked=write.blocked,
            write_ns=write.write_ns,
            accepted_ns=write.accepted_ns,
            sent_ns=sent_ns,
        )


def _add_reads(rows: _Rows, key: dict[str, Any], response: Response) -> None:
    for index, read in enumerate(response.seen.reads, start=response.reads_before + 1):
        stamps = {"stamp_ns": read.stamp_ns, "read_ns": read.read_ns}
        rows.add(**key, index=index, response=response.number, offset=read.offset, bytes=read.size_bytes, **stamps)


_COPIED = (
    "client_port server_port due_ns connect_ns connected_ns request_ns first_byte_ns headers_ns end_ns "
    "status completion error"
).split()


def _add_stream(
    rows: _Rows, key: dict[str, Any], stream: StreamSeen, answers: Sequence[Response], chunks_expected: int | None
) -> None:
    """The first request's ports and instants, and how the whole ended."""
    connection = answers[0].connection
    planned = [each.said.planned for each in answers if each.said and each.said.planned is not None]
    rows.add(
        **key,
        connection=stream.connection or None,
        request=stream.request or None,
        **{name: getattr(stream, name) for name in _COPIED},
        client_isn=connection.client_isn if connection else None,
        server_isn=connection.server_isn if connection else None,
        reconnects=len(stream.returns),
        chunks_expected=planned[-1] if planned else chunks_expected,
        chunks_received=sum(len(each.chunks) for each in (stream, *stream.returns)),
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
