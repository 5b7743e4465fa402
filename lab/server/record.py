"""What the server saw of one response, kept in flat lists while it streams and turned into rows afterwards.

The rule: the hot path only appends integers. Offsets of chunks are derived when the response is over, from the sizes of the
pieces that the flush policy let go.
"""

import bisect
from dataclasses import dataclass, field
from itertools import accumulate

from lab.server.script import Frame
from lab.trace.records import SaidRow, StreamSaid, WriteRow


@dataclass(slots=True)
class StreamRecord:
    """One response. All times are CLOCK_MONOTONIC ns; all offsets count from the response's first byte."""

    stream: int
    client_port: int
    server_port: int
    connection_offset: int  # bytes of earlier responses on this connection: what TCP sequence numbers count from
    head_ns: int  # when the request's head was complete: dues count from here
    frames: list[Frame]
    trailer_bytes: int  # what the framing puts after every piece
    sockets: dict[str, tuple[object, object]]
    first_place: int = 1  # of the first chunk, in the whole answer
    head_bytes: int = 0
    emit_ns: list[int] = field(default_factory=list)  # per frame
    pieces: list[tuple[int, int]] = field(default_factory=list)  # per piece: bytes of frame header, bytes of body
    writes: list[tuple[int, int, int, int]] = field(default_factory=list)  # bytes, blocked, write_ns, accepted_ns

    def said(self) -> StreamSaid:
        """The finished record."""
        ends = list(accumulate(row[0] for row in self.writes))
        writes = [WriteRow(end - row[0], *row) for end, row in zip(ends, self.writes, strict=True)]
        ports = (self.client_port, self.server_port)
        chunks = self._chunks(ends)
        planned = self.first_place - 1 + sum(frame.text is not None for frame in self.frames)
        plan = (self.head_ns, self.first_place, planned)
        return StreamSaid(self.stream, *ports, self.connection_offset, chunks, writes, self.sockets, *plan)

    def _chunks(self, write_ends: list[int]) -> list[SaidRow]:
        body_starts, response_starts = self._piece_starts()
        body_bytes = self._body_bytes()
        rows, body = [], 0
        for frame, emit_ns in zip(self.frames, self.emit_ns, strict=False):
            first, last = body, body + len(frame.data) - 1
            body = last + 1
            if frame.text is None:
                continue
            due_ns = self.head_ns + frame.due_offset_ns
            if last >= body_bytes:
                rows.append(SaidRow(None, None, None, due_ns, emit_ns, frame.text))
                continue
            end = _locate(last, body_starts, response_starts) + 1
            offset = _locate(first, body_starts, response_starts)
            write = bisect.bisect_left(write_ends, end) + 1
            rows.append(SaidRow(offset, end, write if write <= len(write_ends) else None, due_ns, emit_ns, frame.text))
        return rows

    def _body_bytes(self) -> int:
        return sum(body for _, body in self.pieces)

    def _piece_starts(self) -> tuple[list[int], list[int]]:
        """Where each piece's body begins: in the body, and in the response."""
        body_starts, response_starts = [], []
        body, response = 0, self.head_bytes
        for header_bytes, body_bytes in self.pieces:
            body_starts.append(body)
            response_starts.append(response + header_bytes)
            body += body_bytes
            response += header_bytes + body_bytes + self.trailer_bytes
        return body_starts, response_starts


def _locate(position: int, body_starts: list[int], response_starts: list[int]) -> int:
    piece = bisect.bisect_right(body_starts, position) - 1
    return response_starts[piece] + position - body_starts[piece]
