"""A streamed answer from its first byte: response and event decoder as one reader.

The one rule: each event is told with the response offset at which it was complete, so that its arrival can be joined with
the read and the packet that carried its last byte. A coded body is decoded as it comes; a coded byte is no byte of an event,
so there an event ends with the piece of the body that completed it. It decodes no chunks of any API and reads no clock. It
stands where `read` becomes `arrival`.
"""

from typing import NamedTuple

from lab.wire.coding import Coding, coding
from lab.wire.emitted import EmitComments
from lab.wire.response import Ending, Piece, ResponseReader
from lab.wire.sse import Decoder, Event


class Arrived(NamedTuple):
    """An event, and the response's bytes up to and including the one that completed it (framing and head counted).

    `emit_ns` is what a comment before it says of its production, see `lab.wire.emitted`.
    """

    event: Event
    end_offset: int
    emit_ns: int | None = None


class StreamReader:
    """Reads one response whose body is an event stream; `response` and `decoder` tell everything else about it."""

    def __init__(self, decoder: Decoder | None = None) -> None:
        """`decoder`: of a stream that goes on where another was lost; a fresh one otherwise."""
        self.response = ResponseReader()
        self.decoder = decoder or Decoder()
        self._head_was_in = False
        self._coding: Coding | None = None  # None: what comes is plain
        self._emitted = EmitComments()
        self._body_bytes = 0

    def feed(self, data: bytes) -> list[Arrived]:
        """The events that these bytes complete.

        Raises ProtocolError as `ResponseReader.feed`, `Decoder.feed` and `coding` do.
        """
        pieces = self.response.feed(data)
        if not self._head_was_in:
            self._take_head()
        if self._coding is not None:
            pieces = _decoded(pieces, self._coding)
        # Joined, because one call for the whole read costs far less than one for each frame of a transfer-coding.
        body = pieces[0].data if len(pieces) == 1 else b"".join([piece.data for piece in pieces])
        events = self.decoder.feed(body)
        self._emitted.feed(body)
        return self._place(events, pieces)

    def end_of_input(self) -> Ending:
        """The connection ended. TRUNCATED also if it did so inside an event."""
        ending = self.response.end_of_input()
        return Ending.TRUNCATED if self.decoder.pending else ending

    def _take_head(self) -> None:
        if self.response.head_bytes is not None:
            self._head_was_in = True
            self._coding = _coding_of(self.response)

    def _place(self, events: list[Event], pieces: list[Piece]) -> list[Arrived]:
        """Both lists are in order, so one walk along the pieces finds the place of every event's end."""
        if len(events) == len(pieces) == 1:
            return self._place_lone(events[0], pieces[0])
        arrived = []
        remaining = iter(pieces)
        piece_begin = piece_end = self._body_bytes
        offset = 0
        for event in events:
            while event.end > piece_end:
                piece = next(remaining)
                piece_begin, piece_end = piece_end, piece_end + len(piece.data)
                offset = piece.offset
            end_offset = offset + event.end - piece_begin if self._coding is None else offset
            arrived.append(Arrived(event, end_offset, self._emitted.before(event.end)))
        self._body_bytes += sum(len(piece.data) for piece in pieces)
        return arrived

    def _place_lone(self, event: Event, piece: Piece) -> list[Arrived]:
        """The commonest read of a live stream: one event that ends in one piece."""
        offset = piece.offset + event.end - self._body_bytes if self._coding is None else piece.offset
        self._body_bytes += len(piece.data)
        return [Arrived(event, offset, self._emitted.before(event.end))]


def begun_body(data: bytes) -> bytes:
    """The plain body of a response of which only the beginning is at hand. Raises as `StreamReader.feed` did for it."""
    response = ResponseReader()
    pieces = response.feed(data)
    machine = _coding_of(response)
    return b"".join(piece.data for piece in (pieces if machine is None else _decoded(pieces, machine)))


def _coding_of(response: ResponseReader) -> Coding | None:
    names = [value for name, value in response.headers if name == "content-encoding"]
    name = ", ".join(names).strip().lower()
    return coding(name) if name not in ("", "identity") else None


def _decoded(pieces: list[Piece], machine: Coding) -> list[Piece]:
    """The plain parts of coded pieces, each at the offset at which its piece *ended*: before that nobody could decode it."""
    return [Piece(piece.offset + len(piece.data), part) for piece in pieces for part in machine.decode(piece.data)]
