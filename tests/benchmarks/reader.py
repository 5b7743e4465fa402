"""The reader of all measured servers: opens streams with staggered phases and drains them as cheaply as it can.

The rule: it is the same for every server and wakes by its own clock, so that no server pays for waking it. It understands
nothing of what it reads; that each chunk arrived shows in the number of bytes.
"""

import select
import socket
import time
from contextlib import ExitStack
from typing import NamedTuple

from tests.benchmarks.peers.work import CHUNKS, INTERVAL_NS

STARTS_PER_S = 200
SETTLE_S = 0.5
WINDOW_S = 3.0
DEADLINE_S = 30.0

_ROUND_S = 0.001
_CLOCK_OF_PROCESS = 2  # CPUCLOCK_SCHED of include/linux/posix-timers.h: all threads, in ns


class Window(NamedTuple):
    """What was measured while all streams ran: from when to when, the server's processor time, and bytes read."""

    begin_ns: int
    end_ns: int
    cpu_ns: int
    bytes: int


def cpu_ns(pid: int) -> int:
    """User and system time of another process so far (clock_getcpuclockid(3), whose encoding this is)."""
    return time.clock_gettime_ns((~pid << 3) | _CLOCK_OF_PROCESS)


class Reader:
    """Drains `streams` connections to a server at `address`."""

    def __init__(self, address: tuple[str, int], streams: int) -> None:
        self._address = address
        self._streams = streams
        self._epoll = select.epoll()
        self._buffer = bytearray(1 << 16)
        self._sockets: dict[int, socket.socket] = {}
        self._heard: set[int] = set()
        self.bytes = 0

    def measure(self, pid: int) -> Window:
        """Start them all, let them settle, watch for WINDOW_S, close them all."""
        with self._epoll, ExitStack() as open_sockets:
            self._await_server()
            for _ in range(self._streams):
                self._open(open_sockets)
            first_s = time.monotonic()
            self._start_all()
            self._drain_for(SETTLE_S)
            begin_ns, begin_cpu_ns, begin_bytes = time.monotonic_ns(), cpu_ns(pid), self.bytes
            self._drain_for(WINDOW_S)
            end_ns, end_cpu_ns = time.monotonic_ns(), cpu_ns(pid)
            lasted_s = time.monotonic() - first_s
            assert lasted_s < CHUNKS * INTERVAL_NS / 1e9, (
                f"after {lasted_s:.1f} s the first streams ended before the window did: run it on a quieter machine"
            )
            return Window(begin_ns, end_ns, end_cpu_ns - begin_cpu_ns, self.bytes - begin_bytes)

    def _await_server(self) -> None:
        """One request of its own: the listener was there before the server was."""
        with socket.create_connection(self._address, DEADLINE_S) as first:
            first.sendall(self._request(0))
            assert first.recv(1), "the server closed the connection of its first request"

    def _open(self, open_sockets: ExitStack) -> None:
        sock = open_sockets.enter_context(socket.create_connection(self._address, DEADLINE_S))
        sock.setblocking(False)
        self._sockets[sock.fileno()] = sock
        self._epoll.register(sock, select.EPOLLIN)

    def _start_all(self) -> None:
        """One after another, each a little later in its interval than the one before, until all have been heard."""
        step_s = 1 / STARTS_PER_S + INTERVAL_NS / 1e9 / self._streams
        start_s = time.monotonic()
        for index, sock in enumerate(self._sockets.values()):
            self._drain_for(start_s + index * step_s - time.monotonic())
            sock.send(self._request(index))
        while len(self._heard) < self._streams:
            self._drain_for(_ROUND_S)
            waited_s = time.monotonic() - start_s
            assert waited_s < DEADLINE_S, f"{len(self._heard)} of {self._streams} streams began in {waited_s:.0f} s"

    def _request(self, index: int) -> bytes:
        host, port = self._address
        head = f"GET /v1/chat/completions HTTP/1.1\r\nhost: {host}:{port}\r\nlab-stream: {index}\r\n\r\n"
        return head.encode()

    def _drain_for(self, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(_ROUND_S, left_s))
            for fd, _ in self._epoll.poll(0):
                received = self._sockets[fd].recv_into(self._buffer)
                assert received, "the server closed a stream that had not ended"
                self.bytes += received
                self._heard.add(fd)
