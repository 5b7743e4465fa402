"""A streamed answer from its first byte: response and event decoder as one reader.

The one rule: each event is told with the response offset at which it was complete, so that its arrival can be joined with
the read and the packet that carried its last byte. It decodes no chunks of any API and reads no clock. It stands where
`read` becomes `arrival`.
"""

from dataclasses import dataclass

from lab.wire.emitted import EmitComments
from lab.wire.response import Ending, Piece, ResponseReader
from lab.wire.sse import Decoder, Event


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event, and the response's bytes up to and including the one that completed it (framing and head counted).

    `emit_ns` is what a comment before it says of its production, see `lab.wire.emitted`.
    """

    event: Event
    end_offset: int
    emit_ns: int | None = None


class StreamReader:
    """Reads one response whose body is an event stream; `response` and `decoder` tell everything else about it."""

    def __init__(self) -> None:
        self.response = ResponseReader()
        self.decoder = Decoder()
        self._emitted = EmitComments()
        self._body_bytes = 0

    def feed(self, data: bytes) -> list[Arrived]:
        """The events that these bytes complete. Raises ProtocolError as `ResponseReader.feed` and `Decoder.feed` do."""
        pieces = self.response.feed(data)
        # Joined, because one call for the whole read costs far less than one for each frame of a transfer-coding.
        body = b"".join([piece.data for piece in pieces])
        events = self.decoder.feed(body)
        self._emitted.feed(body)
        return self._place(events, pieces)

    def end_of_input(self) -> Ending:
        """The connection ended. TRUNCATED also if it did so inside an event."""
        ending = self.response.end_of_input()
        return Ending.TRUNCATED if self.decoder.pending else ending

    def _place(self, events: list[Event], pieces: list[Piece]) -> list[Arrived]:
        """Both lists are in order, so one walk along the pieces finds the place of every event's end."""
        arrived = []
        remaining = iter(pieces)
        piece_begin = piece_end = self._body_bytes
        offset = 0
        for event in events:
            while event.end > piece_end:
                piece = next(remaining)
                piece_begin, piece_end = piece_end, piece_end + len(piece.data)
                offset = piece.offset
            emit_ns = self._emitted.before(event.end)
            arrived.append(Arrived(event, offset + event.end - piece_begin, emit_ns))
        self._body_bytes += sum(len(piece.data) for piece in pieces)
        return arrived
