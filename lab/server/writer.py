"""The last step before the kernel: one `send` for each write, and a backlog for what the socket refuses.

The rule is the open loop: `write` never waits. What `send` refuses waits in the backlog, in order and as the writes that it
was, and the wait shows as accepted − emit. Must not wait, and must not know Trio. It stands between `write` and `accepted`.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from lab.server.record import StreamRecord


class Outlet(NamedTuple):
    """What a response needs of its socket and its owner."""

    send: Callable[[bytes], int]  # non-blocking; raises BlockingIOError or OSError
    clock: Callable[[], int]  # CLOCK_MONOTONIC ns
    on_blocked: Callable[[], None]  # the socket is full: call `drain` when it is writable
    on_done: Callable[[], None]  # everything was accepted, or the connection failed


class Writer:
    """`done` says that nothing more will be sent: the kernel has all (`complete`), the connection failed (`failure`), or
    nobody wants it any more."""

    __slots__ = (
        "_backlog", "_clock", "_ended", "_outlet", "_record", "accepted_bytes", "complete", "done", "failure", "send",
    )  # fmt: skip

    def __init__(self, outlet: Outlet, record: StreamRecord | None) -> None:
        self.done = False
        self.complete = False
        self.failure: OSError | None = None
        self.accepted_bytes = 0
        self._outlet = outlet
        self.send = outlet.send
        self._clock = outlet.clock
        self._record = record
        self._backlog: deque[_Waiting] = deque()
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether the next write would go to `send` at once. Then its caller may do it himself, and tell what came of it."""
        return not (self._backlog or self.done)

    def write(self, data: bytes) -> None:
        """One `send`, or a place at the end of the backlog."""
        if self.done:
            return
        if self._backlog:
            self._backlog.append(_Waiting(data, 0, 0))
            return
        write_ns = self._clock()
        try:
            self.sent(data, self.send(data), write_ns)
        except OSError as error:
            self.refused(data, error, write_ns)

    def sent(self, data: bytes, accepted_bytes: int, write_ns: int) -> None:
        """`send` took so much of `data`; the rest waits."""
        self._note(accepted_bytes, 0, write_ns)
        if accepted_bytes < len(data):
            self._block(_Waiting(data[accepted_bytes:], 0, 0))

    def refused(self, data: bytes, error: OSError, write_ns: int) -> None:
        """`send` took nothing: the socket is full, or the connection failed."""
        if isinstance(error, BlockingIOError):
            self._block(_Waiting(data, write_ns, 1))
        else:
            self._fail(error)

    def drain(self) -> bool:
        """The socket is writable: send what waits. True when nothing waits any more."""
        while self._backlog:
            waiting = self._backlog[0]
            write_ns = waiting.write_ns or self._clock()
            try:
                sent = self.send(waiting.data)
            except BlockingIOError:
                self._backlog[0] = _Waiting(waiting.data, write_ns, waiting.blocked + 1)
                return False
            except OSError as error:
                self._fail(error)
                return True
            self._note(sent, waiting.blocked, write_ns)
            self._backlog.popleft()
            if sent < len(waiting.data):
                self._backlog.appendleft(_Waiting(waiting.data[sent:], 0, 0))
        self._finish_if_empty()
        return True

    def end(self) -> None:
        """Nothing will be written after this."""
        self._ended = True
        self._finish_if_empty()

    def abandon(self) -> None:
        """Nothing more is sent, whatever waits."""
        self.done = True
        self._backlog.clear()

    def _note(self, sent: int, blocked: int, write_ns: int) -> None:
        self.accepted_bytes += sent
        if self._record is not None:
            self._record.writes.append((sent, blocked, write_ns, self._clock()))

    def _block(self, waiting: "_Waiting") -> None:
        self._backlog.append(waiting)
        self._outlet.on_blocked()

    def _finish_if_empty(self) -> None:
        if self._ended and not self._backlog and not self.done:
            self.done = self.complete = True
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
