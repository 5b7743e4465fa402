"""What each side saw, before it is joined: the record in which every server and every kind of client ends.

Times are CLOCK_MONOTONIC ns of the measuring machine, None where it did not happen; offsets count from the response's first
byte; numbers count from 1. Nothing is derived here.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Completion = Literal["done", "closed", "truncated", "reset", "timeout", "stopped", "error"]


class ReadRow(NamedTuple):
    """One `recv` system call that returned data, or what a client without sockets has for one.

    A browser's reads are of the body, after the transfer-coding; their `offset` in the response is None: it cannot tell.
    """

    offset: int | None
    size_bytes: int
    stamp_ns: int | None  # the kernel's stamp of the newest segment in this read
    read_ns: int


class ChunkRow(NamedTuple):
    """One chunk, complete in read `read_index` (from 1). `end` is the offset one past its last byte, None if unknown.

    A client that cannot tell its reads (a browser's EventSource) says read 0.
    """

    end: int | None
    text: str
    arrival_ns: int
    read_index: int
    emit_ns: int | None = None  # what the server said of it in a comment


class WriteRow(NamedTuple):
    """One `send` system call that took bytes; `blocked` counts the refusals before it."""

    offset: int
    size_bytes: int
    blocked: int
    write_ns: int
    accepted_ns: int


class SaidRow(NamedTuple):
    """One chunk that the application produced. `offset`, `end` and `write_index` are None if it never left its buffer."""

    offset: int | None
    end: int | None
    write_index: int | None
    due_ns: int | None
    emit_ns: int | None
    text: str | None


@dataclass(frozen=True, slots=True)
class StreamSaid:
    """One response from the server's side. `connection_offset`: bytes of the connection's earlier responses.

    `head_ns`: when its request was complete. `first_place`: of its first chunk in the whole answer, from 1; more than that
    where a reader who came back is told the rest. `planned`: chunks of the whole answer, None if the server did not say.
    """

    stream: int
    client_port: int
    server_port: int
    connection_offset: int
    chunks: list[SaidRow]
    writes: list[WriteRow]
    sockets: dict[str, tuple[object, object]]  # option: asked, got
    head_ns: int = 0
    first_place: int = 1
    planned: int | None = None


@dataclass(slots=True)
class StreamSeen:
    """One stream from the reader's side. `connection` and `request` are 0 for a client that cannot tell.

    A stream is one response, unless its reader came back after a lost connection: then it is what the first request
    brought, with a record of the same kind for each further one in `returns`; how all of it ended stands in the first.
    """

    stream: int
    due_ns: int
    connection: int = 0
    request: int = 0
    connection_offset: int = 0  # bytes of the connection's earlier responses: what TCP sequence numbers count from
    client_port: int | None = None
    server_port: int | None = None
    connect_ns: int | None = None
    connected_ns: int | None = None
    request_ns: int | None = None
    first_byte_ns: int | None = None
    headers_ns: int | None = None
    end_ns: int | None = None
    status: int | None = None
    completion: Completion | None = None
    error: str | None = None
    reads: list[ReadRow] = field(default_factory=list)
    chunks: list[ChunkRow] = field(default_factory=list)
    returns: list["StreamSeen"] = field(default_factory=list)


@dataclass(slots=True)
class ClientRecord:
    """Everything that one client process saw, and what its sockets were set to."""

    streams: list[StreamSeen]
    sockets: dict[str, tuple[object, object]]
    setup_ns: int | None = None  # from the start of the client until it could ask: never part of TTFC
    clock_error_ns: int | None = None  # of a client whose clock had to be mapped
