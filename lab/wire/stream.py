"""A streamed answer from its first byte: response and event decoder as one reader.

The one rule: each event is told with the response offset at which it was complete, so that its arrival can be joined with
the read and the packet that carried its last byte. A coded body is decoded as it comes; a coded byte is no byte of an event,
so there an event ends with the piece of the body that completed it. It decodes no chunks of any API and reads no clock. It
stands where `read` becomes `arrival`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lab.wire.coding import Coding, coding
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


class _Run(NamedTuple):
    """Plain bytes of the body. `offset`: where their first stood in the response; if `coded`, where all of them end."""

    data: bytes
    offset: int
    coded: bool


class StreamReader:
    """Reads one response whose body is an event stream; `response` and `decoder` tell everything else about it."""

    def __init__(self) -> None:
        self.response = ResponseReader()
        self.decoder = Decoder()
        self._coding: Coding | None = None  # None: what comes is plain
        self._emitted = EmitComments()
        self._body_bytes = 0

    def feed(self, data: bytes) -> list[Arrived]:
        """The events that these bytes complete.

        Raises ProtocolError as `ResponseReader.feed`, `Decoder.feed` and `coding` do.
        """
        head_was_in = self.response.head_bytes is not None
        pieces = self.response.feed(data)
        if not head_was_in and self.response.head_bytes is not None:
            self._coding = _coding_of(self.response)
        runs = self._plain(pieces)
        # Joined, because one call for the whole read costs far less than one for each frame of a transfer-coding.
        body = b"".join([run.data for run in runs])
        events = self.decoder.feed(body)
        self._emitted.feed(body)
        return self._place(events, runs)

    def end_of_input(self) -> Ending:
        """The connection ended. TRUNCATED also if it did so inside an event."""
        ending = self.response.end_of_input()
        return Ending.TRUNCATED if self.decoder.pending else ending

    def _plain(self, pieces: list[Piece]) -> list[_Run]:
        if self._coding is None:
            return [_Run(piece.data, piece.offset, coded=False) for piece in pieces]
        return [
            _Run(part, piece.offset + len(piece.data), coded=True)
            for piece in pieces
            for part in self._coding.decode(piece.data)
        ]

    def _place(self, events: list[Event], runs: list[_Run]) -> list[Arrived]:
        """Both lists are in order, so one walk along the runs finds the place of every event's end."""
        arrived = []
        remaining = iter(runs)
        run_begin = run_end = self._body_bytes
        run = _Run(b"", 0, coded=False)
        for event in events:
            while event.end > run_end:
                run = next(remaining)
                run_begin, run_end = run_end, run_end + len(run.data)
            end_offset = run.offset if run.coded else run.offset + event.end - run_begin
            arrived.append(Arrived(event, end_offset, self._emitted.before(event.end)))
        self._body_bytes += sum(len(run.data) for run in runs)
        return arrived


def _coding_of(response: ResponseReader) -> Coding | None:
    names = [value for name, value in response.headers if name == "content-encoding"]
    name = ", ".join(names).strip().lower()
    return coding(name) if name not in ("", "identity") else None
