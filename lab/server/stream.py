"""One response on its way out: emits frames when they are due, lets the flush policy hold them, hands pieces to `send`.

Driven from outside with `now` and told what to call, so that it runs on a fake clock as well as on a socket. The rule is the
open loop: a socket that is full never delays an emission. What `send` refuses waits in the backlog, in order, and the wait
shows as accepted − emit. Must not wait, and must not know Trio.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from lab.server.record import StreamRecord
from lab.server.script import Frame
from lab.wire.flush import Policy
from lab.wire.framing import Framing


class Outlet(NamedTuple):
    """What a stream needs of its socket and its owner."""

    send: Callable[[bytes], int]  # non-blocking; raises BlockingIOError or OSError
    clock: Callable[[], int]  # CLOCK_MONOTONIC ns
    on_blocked: Callable[[], None]  # the socket is full: call `drain` when it is writable
    on_done: Callable[[], None]  # everything was accepted, or the connection failed


class Stream:
    """Frames in, writes out. `step` is the pacer's only entry."""

    def __init__(
        self,
        frames: list[Frame],
        head_ns: int,
        policy: Policy,
        framing: Framing,
        writes_per_chunk: int,
        outlet: Outlet,
        record: StreamRecord | None,
    ) -> None:
        self._frames = frames
        self._dues_ns = [head_ns + frame.due_offset_ns for frame in frames]
        self._next = 0
        self._policy = policy
        self._framing = framing
        self._split_writes = writes_per_chunk == 3
        self._outlet = outlet
        self._send = outlet.send
        self._clock = outlet.clock
        self._record = record
        self._held_head = b""
        self._backlog: deque[_Waiting] = deque()
        self._all_said = False
        self.done = False
        self.failure: OSError | None = None
        self.accepted_bytes = 0

    def begin(self, head: bytes, *, early: bool) -> int:
        """Send the response head, now or with the first piece; returns when to call `step` first (ns)."""
        if self._record is not None:
            self._record.head_bytes = len(head)
        if early:
            self._write(head)
        else:
            self._held_head = head
        return self._dues_ns[0]

    def step(self, now_ns: int) -> int | None:
        """Do what is due; returns when to be called next (ns), or None when there is nothing more to emit."""
        if self.done:
            return None
        dues_ns, policy = self._dues_ns, self._policy
        while self._next < len(dues_ns) and dues_ns[self._next] <= now_ns:
            self._emit(self._frames[self._next])
        if self._next == len(dues_ns):
            self._finish()
            return None
        deadline_ns = policy.deadline()
        if deadline_ns is not None and deadline_ns <= now_ns:
            self._flush(now_ns)
            deadline_ns = policy.deadline()
        due_ns = dues_ns[self._next]
        return due_ns if deadline_ns is None or due_ns < deadline_ns else deadline_ns

    def drain(self) -> bool:
        """The socket is writable: send what waits. True when nothing waits any more."""
        while self._backlog and not self.done:
            waiting = self._backlog[0]
            write_ns = waiting.write_ns or self._clock()
            try:
                sent = self._send(waiting.data)
            except BlockingIOError:
                self._backlog[0] = waiting._replace(write_ns=write_ns, blocked=waiting.blocked + 1)
                return False
            except OSError as error:
                self._fail(error)
                return True
            self._note_write(sent, waiting.blocked, write_ns)
            self._backlog.popleft()
            if sent < len(waiting.data):
                self._backlog.appendleft(_Waiting(waiting.data[sent:], 0, 0))
        self._end_if_empty()
        return True

    def abandon(self) -> None:
        """The client is gone, or the server ends: nothing more is emitted or sent."""
        self.done = True
        self._backlog.clear()

    @property
    def complete(self) -> bool:
        """Whether every byte of the response was accepted by the kernel."""
        return self._all_said and not self._backlog and self.failure is None

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
        self._all_said = True
        self._end_if_empty()

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
        """One `send`, or a place at the end of the backlog."""
        if self._held_head:
            data, self._held_head = self._held_head + data, b""
        if self.done:
            return
        if self._backlog:
            self._backlog.append(_Waiting(data, 0, 0))
            return
        write_ns = self._clock()
        try:
            sent = self._send(data)
        except BlockingIOError:
            self._block(_Waiting(data, write_ns, 1))
            return
        except OSError as error:
            self._fail(error)
            return
        self._note_write(sent, 0, write_ns)
        if sent < len(data):
            self._block(_Waiting(data[sent:], 0, 0))

    def _note_write(self, sent: int, blocked: int, write_ns: int) -> None:
        self.accepted_bytes += sent
        if self._record is not None:
            self._record.writes.append((sent, blocked, write_ns, self._clock()))

    def _block(self, waiting: "_Waiting") -> None:
        self._backlog.append(waiting)
        self._outlet.on_blocked()

    def _end_if_empty(self) -> None:
        if self._all_said and not self._backlog and not self.done:
            self.done = True
            self._outlet.on_done()

    def _fail(self, error: OSError) -> None:
        self.failure = error
        self.abandon()
        self._outlet.on_done()


class _Waiting(NamedTuple):
    """Bytes that the kernel has not taken. `write_ns` is 0 until `send` was called for them."""

    data: bytes
    write_ns: int
    blocked: int
