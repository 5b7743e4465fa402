"""One response on its way out: emits frames when they are due, lets the flush policy hold them, hands pieces to the writer.

Driven from outside with `now`, so that it runs on a fake clock as well as on a socket. The rule is the open loop: a frame is
emitted when it is due, whatever the socket does. Must not wait, and must not know Trio. It stands between `due` and `write`.
"""

from collections.abc import Callable

from lab.server.record import StreamRecord
from lab.server.script import Frame
from lab.server.writer import Writer
from lab.wire.flush import Policy
from lab.wire.framing import Framing


class Stream:
    """Frames in, writes out. `step` is the pacer's only entry."""

    __slots__ = (
        "_clock", "_dues_ns", "_frames", "_framing", "_held_head", "_next", "_policy", "_record", "_split_writes", "_writer",
    )  # fmt: skip

    def __init__(
        self,
        frames: list[Frame],
        head_ns: int,
        policy: Policy,
        framing: Framing,
        writes_per_chunk: int,
        writer: Writer,
        clock: Callable[[], int],
        record: StreamRecord | None,
    ) -> None:
        """`head_ns` is when the request's head was complete; `clock` is the same one (CLOCK_MONOTONIC ns)."""
        self._frames = frames
        self._dues_ns = [head_ns + frame.due_offset_ns for frame in frames]
        self._next = 0
        self._policy = policy
        self._framing = framing
        self._split_writes = writes_per_chunk == 3
        self._writer = writer
        self._clock = clock
        self._record = record
        self._held_head = b""

    def begin(self, head: bytes, *, early: bool) -> int:
        """Send the response head, now or with the first piece; returns when to call `step` first (ns)."""
        if self._record is not None:
            self._record.head_bytes = len(head)
        if early:
            self._writer.write(head)
        else:
            self._held_head = head
        return self._dues_ns[0]

    def step(self, now_ns: int) -> int | None:
        """Do what is due; returns when to be called next (ns), or None when there is nothing more to emit."""
        dues_ns, writer = self._dues_ns, self._writer
        while not writer.done and self._next < len(dues_ns) and dues_ns[self._next] <= now_ns:
            self._emit(self._frames[self._next])
        if writer.done:
            return None
        if self._next == len(dues_ns):
            self._finish()
            return None
        deadline_ns = self._policy.deadline()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self._flush(now_ns)
            deadline_ns = self._policy.deadline()
        due_ns = dues_ns[self._next]
        return due_ns if deadline_ns is None or due_ns < deadline_ns else deadline_ns

    def abandon(self) -> None:
        """The client is gone, or the server ends: nothing more is emitted or sent.

        The frames are let go at once, because the pacer keeps the stream itself until its next due time.
        """
        self._writer.abandon()
        self._frames, self._dues_ns = [], []

    def _emit(self, frame: Frame) -> None:
        emit_ns = self._clock()
        if self._record is not None:
            self._record.emit_ns.append(emit_ns)
        self._next += 1
        self._policy.put(frame.data, emit_ns)
        self._flush(emit_ns)

    def _flush(self, now_ns: int) -> None:
        while piece := self._policy.take(now_ns):
            self._write_piece(piece, b"")

    def _finish(self) -> None:
        """What is still held leaves together with the end of the framing, as a server does that closes its writer."""
        now_ns = self._clock()
        self._policy.finish(now_ns)
        end = self._framing.end()
        piece = self._policy.take(now_ns)
        while piece:
            following = self._policy.take(now_ns)
            self._write_piece(piece, b"" if following else end)
            piece, end = following, end if following else b""
        if end:
            self._write(end)
        self._writer.end()

    def _write_piece(self, body: bytes, end: bytes) -> None:
        header, trailer = self._framing.wrap(body)
        if self._record is not None:
            self._record.pieces.append((len(header), len(body)))
        if self._split_writes:
            for part in (header, body, trailer + end):
                self._write(part)
        else:
            self._write(header + body + trailer + end)

    def _write(self, data: bytes) -> None:
        if self._held_head:
            data, self._held_head = self._held_head + data, b""
        self._writer.write(data)
