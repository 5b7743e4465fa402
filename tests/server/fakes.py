"""A clock that moves when told, and a socket that takes as many bytes as its script says. No time, no kernel."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lab.server.record import StreamRecord
from lab.server.script import Frame
from lab.server.stream import Stream
from lab.server.writer import Outlet, Writer
from lab.wire.flush import Every, Policy
from lab.wire.framing import Chunked, Framing

ALL = 1 << 30
BLOCKED = 0

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
CLOSE_HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"


@dataclass
class FakeSocket:
    """`takes`: for each `send` in turn, how many bytes it takes at most, BLOCKED, or the error that it raises."""

    takes: list[int | OSError] = field(default_factory=list)
    sends: list[bytes] = field(default_factory=list)
    blocked_calls: int = 0
    done_calls: int = 0

    def send(self, data: bytes) -> int:
        """As `socket.send` of a non-blocking socket."""
        take = self.takes.pop(0) if self.takes else ALL
        if isinstance(take, OSError):
            raise take
        if take == BLOCKED:
            raise BlockingIOError
        self.sends.append(data[:take])
        return len(data[:take])

    @property
    def received(self) -> bytes:
        """Everything that was taken."""
        return b"".join(self.sends)


@dataclass
class Bench:
    """A stream with a fake clock and a fake socket around it."""

    stream: Stream
    writer: Writer
    socket: FakeSocket
    record: StreamRecord
    now_ns: int = 0

    def play(self, when_ns: int | None, drains_ns: Iterable[int] = ()) -> None:
        """Step at every instant that the stream asks for, until it asks no more; at `drains_ns` the socket is writable."""
        pending = sorted(drains_ns)
        while when_ns is not None:
            while pending and pending[0] <= when_ns:
                self.now_ns = max(self.now_ns, pending.pop(0))
                self.writer.drain()
            self.now_ns = max(self.now_ns, when_ns)
            when_ns = self.stream.step(self.now_ns)

    def unblock(self) -> None:
        """The socket is writable, again and again, until nothing waits."""
        while not self.writer.drain():
            pass


def frames_of(*rows: tuple[int, str]) -> list[Frame]:
    """Chunks from (due offset in ns, text)."""
    return [Frame(due_ns, f"data: {text}\n\n".encode(), text) for due_ns, text in rows]


def bench(
    frames: list[Frame],
    takes: Iterable[int | OSError] = (),
    policy: Policy | None = None,
    framing: Framing | None = None,
    writes_per_chunk: int = 1,
) -> Bench:
    """A bench at 0 ns with the request's head complete at 0 ns."""
    framing = framing or Chunked()
    trailer_bytes = len(framing.wrap(b" ")[1])
    record = StreamRecord(1, 1000, 2000, 0, 0, frames, trailer_bytes, {})
    sock = FakeSocket(list(takes))

    def clock() -> int:
        return made.now_ns

    writer = Writer(Outlet(sock.send, clock, _count(sock, "blocked_calls"), _count(sock, "done_calls")), record)
    stream = Stream(frames, 0, policy or Every(), framing, writes_per_chunk, writer, clock, record)
    made = Bench(stream, writer, sock, record)
    return made


def _count(sock: FakeSocket, name: str) -> Callable[[], None]:
    return lambda: setattr(sock, name, getattr(sock, name) + 1)
