"""The tables of a run, every column in one place: name, type and meaning.

The rule: this file is the only definition. Writers are checked against it, readers get exactly it, and a test compares
`results/README.md` with it. Every integer is int64: Parquet stores small ones small anyway, and differences never overflow.
It must not compute anything; how the columns are filled is `join`'s business, what they mean together is `analysis`'s.
"""

import pyarrow as pa

FORMAT_VERSION = 1

_KEY = False  # a column that is never null
_MEASURED = True  # null where it could not be measured; never 0 instead


def _column(name: str, kind: pa.DataType, nullable: bool, doc: str) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={b"doc": doc.encode()})


def _key(name: str, doc: str) -> pa.Field:
    return _column(name, pa.int64(), _KEY, doc)


def _text(name: str, doc: str, nullable: bool = _MEASURED) -> pa.Field:
    return _column(name, pa.string(), nullable, doc)


def _number(name: str, doc: str) -> pa.Field:
    return _column(name, pa.int64(), _MEASURED, doc)


# Columns that the first runs of this format did not have: there they read as null.
ADDED_LATER = frozenset({"response", "place", "reconnects"})

_CELL = (
    _text("cell", "the cell's slug, a valid file name", _KEY),
    _key(
        "rep",
        "number of the repetition within its cell, counted from 1; a repetition that is run again gets the next one",
    ),
)
_STREAM = (*_CELL, _key("stream", "number of the reader's stream within the repetition, counted from 1"))
_RESPONSE = _number(
    "response", "which of the stream's responses, counted from 1; more than 1 where the reader came back"
)

_KERNEL_STAGES = (
    _number("sched_ns", "when the segment with its last byte entered the queue discipline"),
    _number("sent_ns", "when that segment entered the path"),
    _number("acked_ns", "when the server's kernel saw its last byte acknowledged"),
)

CHUNKS = (
    *_STREAM,
    _key("seq", "number of the row within its stream, counted from 1: the chunk's, unless some came twice or never"),
    _RESPONSE,
    _number(
        "place", "number of the chunk within the planned answer, counted from 1; one that was said twice has it twice"
    ),
    _number("offset", "bytes of the response before this chunk; the status line's first byte is 0"),
    _number("bytes", "length in bytes; offset + bytes is the chunk's last byte + 1"),
    _text("text", "the text that the chunk carries"),
    _number("due_ns", "when the workload wanted the chunk out"),
    _number("emit_ns", "when the application produced it"),
    _number("write_ns", "when the `send` that took its last byte was called"),
    _number(
        "accepted_ns", "when the kernel had that byte: `send` returned, or the segment was seen to leave before it did"
    ),
    *_KERNEL_STAGES,
    _number("recv_ns", "when the segment with its last byte left the path into the client's kernel"),
    _number("readable_ns", "when no byte of the connection up to its last one was missing in the client's kernel"),
    _number("read_ns", "when the client's `recv` that returned its last byte returned"),
    _number("arrival_ns", "when the client's decoder had completed the event; null if it never arrived"),
    _number("write_index", "index of the write that took its last byte"),
    _number("read_index", "index of the read that returned its last byte"),
)

WRITES = (
    *_STREAM,
    _key("index", "number of the `send` within its stream, counted from 1"),
    _RESPONSE,
    _number("offset", "bytes of the response before this write"),
    _number("bytes", "bytes that the kernel took"),
    _number("blocked", "times that the kernel refused because its send buffer was full"),
    _number("write_ns", "when the `send` was first called"),
    _number("accepted_ns", "when the `send` that succeeded returned"),
    *_KERNEL_STAGES,
)

READS = (
    *_STREAM,
    _key("index", "number of the `recv` within its stream, counted from 1"),
    _RESPONSE,
    _number("offset", "bytes of the response before this read"),
    _number("bytes", "bytes that it returned"),
    _number("stamp_ns", "the kernel's receive stamp; of the newest segment merged into this read"),
    _number("read_ns", "when the `recv` returned"),
)

STREAMS = (
    *_STREAM,
    _number("connection", "number of the TCP connection within the repetition, counted from 1"),
    _number("request", "number of the request within its connection, counted from 1"),
    _number("client_port", "TCP port of the client"),
    _number("server_port", "TCP port of the server"),
    _number("client_isn", "initial sequence number in the client's SYN"),
    _number("server_isn", "initial sequence number in the server's SYN"),
    _number("due_ns", "when the arrival plan wanted the request to start"),
    _number("connect_ns", "when the client began to connect"),
    _number("connected_ns", "when the connection stood"),
    _number("request_ns", "when the request's first byte was written"),
    _number("first_byte_ns", "when the first byte of the response was read"),
    _number("headers_ns", "when the response's head was complete"),
    _number("end_ns", "when the client saw the stream end, however it ended"),
    _number("status", "HTTP status code"),
    _text("completion", "how it ended: done, closed, truncated, reset, timeout, stopped or error"),
    _number("reconnects", "times that its reader came back with another request"),
    _number("chunks_expected", "chunks that the workload had planned"),
    _number("chunks_received", "chunks whose arrival was seen, each time that one was"),
    _text("error", "what went wrong, in words; null if nothing did"),
)

PATH = (
    *_CELL,
    _text("direction", "up (client to server) or down (server to client)", _KEY),
    _key("index", "number of the packet within its direction, counted from 1"),
    _number("connection", "number of its TCP connection; null for packets of other kinds"),
    _number("seq", "TCP sequence number"),
    _number("ack", "TCP acknowledgement number"),
    _number("flags", "TCP flags as the header's byte (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128)"),
    _number("window", "announced receive window in bytes, scaled"),
    _number("payload_bytes", "TCP payload"),
    _number("bytes", "length of the IP packet"),
    _number("t_in_ns", "when the packet entered the emulator"),
    _number("t_queue_out_ns", "when it left the bottleneck queue"),
    _number("t_due_ns", "when it should have left the emulator"),
    _number("t_out_ns", "when it left the emulator"),
    _text("verdict", "sent, held (still inside at the end), or why it was dropped", _KEY),
)


def _table(columns: tuple[pa.Field, ...], doc: str) -> pa.Schema:
    return pa.schema(columns, metadata={b"doc": doc.encode(), b"format_version": str(FORMAT_VERSION).encode()})


TABLES: dict[str, pa.Schema] = {
    "chunks": _table(CHUNKS, "one row per SSE event that carries content, planned or received"),
    "writes": _table(WRITES, "one row per `send` of the server"),
    "reads": _table(READS, "one row per `recv` of the client"),
    "streams": _table(
        STREAMS, "one row per stream of a reader: an HTTP response, or several where the reader came back"
    ),
    "path": _table(PATH, "one row per packet that the emulator saw; no file where no path was emulated"),
}

# A repetition has these even when they are empty; `path` exists only where packets were logged.
ALWAYS = ("chunks", "writes", "reads", "streams")


def column_docs(table: str) -> dict[str, str]:
    """Return the meaning of every column of `table`, by name, in order."""
    return {field.name: field.metadata[b"doc"].decode() for field in TABLES[table]}


def empty(table: str) -> pa.Table:
    """Return `table` with its columns and no rows."""
    return TABLES[table].empty_table()
