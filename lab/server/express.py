"""The commonest stream, every chunk flushed in one write: from due to `send` with nothing in between.

The rule: it says and records what a `Stream` in the same mode does, for less processor time. What is not the plain case (a
head that was held back, a socket that is full, the end) it leaves to `Stream`. A step of one among hundreds of streams finds
nothing in the processor's caches, so what counts is how much code and memory it touches: it is one function, and it keeps
its stamps in one flat array, from which the record's rows are made when they are needed.
"""

from array import array
from collections.abc import Callable

from lab.server.record import StreamRecord
from lab.server.script import Frame
from lab.server.stream import Stream
from lab.server.writer import Writer
from lab.wire.flush import Every
from lab.wire.framing import Framing


class ExpressStream(Stream):
    """A stream with the flush policy `Every` and one write per chunk."""

    __slots__ = ("_bodies", "_send", "_stamps", "_whole")

    def __init__(
        self,
        frames: list[Frame],
        head_ns: int,
        framing: Framing,
        writer: Writer,
        clock: Callable[[], int],
        record: StreamRecord | None,
    ) -> None:
        super().__init__(frames, head_ns, Every(), framing, 1, writer, clock, record)
        self._bodies = [frame.data for frame in frames]
        self._send = writer.send
        self._stamps = array("q")  # of each chunk that was taken whole: emit_ns, which is also write_ns; accepted_ns
        self._whole = framing.whole

    def step(self, now_ns: int) -> int | None:
        """See `Stream.step`."""
        index, dues_ns, clock, writer = self._next, self._dues_ns, self._clock, self._writer
        plain = writer.idle and not self._held_head
        while plain and index < len(dues_ns):
            due_ns = dues_ns[index]
            if due_ns > now_ns:
                return due_ns
            emit_ns = clock()
            data = self._whole(self._bodies[index])
            self._next = index = index + 1
            try:
                sent = self._send(data)
            except OSError as error:
                self._note_emission(emit_ns)
                writer.refused(data, error, emit_ns)
                break
            if sent < len(data):
                self._note_emission(emit_ns)
                writer.sent(data, sent, emit_ns)
                break
            writer.accepted_bytes += sent
            if self._record is not None:
                stamps = self._stamps
                stamps.append(emit_ns)
                stamps.append(clock())
        self._settle()
        return super().step(now_ns)

    def abandon(self) -> None:
        """See `Stream.abandon`."""
        self._settle()
        self._bodies = []
        super().abandon()

    def _note_emission(self, emit_ns: int) -> None:
        """Of a chunk that the socket did not take whole: its write is the writer's to note."""
        self._settle()
        if self._record is not None:
            self._emitted(self._record, emit_ns)

    def _settle(self) -> None:
        """Turn the stamps into rows of the record."""
        stamps, self._stamps = self._stamps, array("q")
        for emit_ns, accepted_ns in zip(stamps[::2], stamps[1::2], strict=True):
            assert self._record is not None
            body = self._emitted(self._record, emit_ns)
            self._record.writes.append((len(self._whole(body)), 0, emit_ns, accepted_ns))

    def _emitted(self, record: StreamRecord, emit_ns: int) -> bytes:
        """The rows of the next frame that the record does not know yet; returns its body."""
        body = self._bodies[len(record.emit_ns)]
        record.emit_ns.append(emit_ns)
        record.pieces.append((len(self._framing.wrap(body)[0]), len(body)))
        return body
