"""A stream's record as plain lists and numbers: how it travels from worker to master (msgpack) and into the spool (JSON).

The rule: no pickle crosses a host, because whoever can send one can run anything. Must not import Locust.
"""

import dataclasses
from typing import Any

from lab.trace.records import ChunkRow, ReadRow, StreamSeen

Row = dict[str, Any]


def pack(seen: StreamSeen) -> Row:
    """The record's fields by name, its rows as lists. A lone surrogate, which msgpack refuses, becomes `?`."""
    row = {field.name: getattr(seen, field.name) for field in dataclasses.fields(StreamSeen)}
    return row | {
        "reads": [list(read) for read in seen.reads],
        "chunks": [list(chunk._replace(text=chunk.text.encode(errors="replace").decode())) for chunk in seen.chunks],
        "returns": [pack(each) for each in seen.returns],
    }


def unpack(row: Row) -> StreamSeen:
    """The inverse. Raises TypeError for what is none."""
    reads, chunks = [ReadRow(*read) for read in row["reads"]], [ChunkRow(*chunk) for chunk in row["chunks"]]
    returns = [unpack(each) for each in row["returns"]]
    return StreamSeen(**{**row, "reads": reads, "chunks": chunks, "returns": returns})
