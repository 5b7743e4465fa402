"""Cross traffic's two ends as processes: bulk flows that connect, send all that TCP lets them, and are cut off on time.

The rule: they only fill the path. What is sent means nothing and is thrown away unread (MSG_TRUNC, tcp(7)); a flow that is
to stop is reset, so that nothing waits in a send buffer to leave later. Both ends live in the namespaces of server and
client, run beneath them in priority, and end when they are told to.
"""

import functools
import heapq
import itertools
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lab.linux import sockets
from lab.linux.child import Control
from lab.model.cross import CrossSpec
from lab.model.units import NS_PER_S
from lab.path.base import Path

INSTANT = struct.Struct("@q")
"""The beginning of the repetition, ns, as the conductor writes it into each end's pipe."""

_BLOCK = bytes(64 * 1024)
_READ_BYTES = 1024 * 1024
# What a sender keeps ready beyond what is in flight: enough for a gigabit, and gone at once when it is cut.
_NOTSENT_BYTES = 128 * 1024
_RESET = struct.pack("@ii", 1, 0)  # SO_LINGER (socket(7)): close discards and resets
_TOTAL_RETRANS_AT = 100  # of struct tcp_info (linux/tcp.h)
_SAMPLE_NS = NS_PER_S // 10
_MOST_SAMPLES = 600


@dataclass
class Half:
    """One end of one flow; `delivered` are (ns, bytes read by then) of a receiver."""

    entry: int
    client_port: int
    server_port: int
    sends: bool
    started_ns: int
    stopped_ns: int = 0
    bytes: int = 0
    retransmissions: int = 0
    delivered: list[tuple[int, int]] = field(default_factory=list)
    sample_ns: int = _SAMPLE_NS


def server(control: Control, entries: Sequence[CrossSpec], path: Path, start_fd: int) -> list[Half]:
    """Listen for each entry's flows until `control` says stop. Sends "ready" with a port for each."""
    path.enter("server")
    end = _End(control)
    listeners = [_listen(path.server_address, entry) for entry in entries]
    for number, (entry, listener) in enumerate(zip(entries, listeners, strict=True), 1):
        end.watch(listener, functools.partial(end.accept, number, entry, listener))

    def begin() -> None:
        start_ns = _instant(start_fd, end)
        for number, entry in enumerate(entries, 1):
            end.cut_at(start_ns, number, entry, "down")

    end.watch(start_fd, begin)
    control.send("ready", {"ports": [listener.getsockname()[1] for listener in listeners]})
    return end.run()


def client(
    control: Control, entries: Sequence[CrossSpec], path: Path, start_fd: int, ports: Sequence[int]
) -> list[Half]:
    """Connect each entry's flows when they are due, until `control` says stop. Sends "ready"."""
    path.enter("client")
    end = _End(control)

    def begin() -> None:
        start_ns = _instant(start_fd, end)
        for number, (entry, port) in enumerate(zip(entries, ports, strict=True), 1):
            address = (path.server_address, port)
            end.at(start_ns + entry.start, functools.partial(end.connect, number, entry, address))
            end.cut_at(start_ns, number, entry, "up")

    end.watch(start_fd, begin)
    control.send("ready", {})
    return end.run()


class _End:
    """One event loop: sockets with what to do when they are ready, and instants with what is due then."""

    def __init__(self, control: Control) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ, None)
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._open: list[tuple[Half, socket.socket]] = []
        self._halves: list[Half] = []
        self._buffer = bytearray(_READ_BYTES)

    def watch(self, file: socket.socket | int, action: Callable[[], None]) -> None:
        """Call `action` whenever `file` is readable."""
        self._selector.register(file, selectors.EVENT_READ, action)

    def forget(self, file: socket.socket | int) -> None:
        """Watch it no longer."""
        self._selector.unregister(file)

    def at(self, due_ns: int, action: Callable[[], None]) -> None:
        """Call `action` once, at `due_ns`."""
        heapq.heappush(self._due, (due_ns, next(self._order), action))

    def cut_at(self, start_ns: int, number: int, entry: CrossSpec, direction: str) -> None:
        """Where the entry's senders are on this side and have to stop: then."""
        if entry.direction == direction and entry.stop is not None:
            self.at(start_ns + entry.stop, lambda: self._cut(number))

    def run(self) -> list[Half]:
        """Until it is told to stop."""
        while True:
            wait_ns = self._due[0][0] - time.monotonic_ns() if self._due else None
            for key, _ in self._selector.select(None if wait_ns is None else max(0, wait_ns) / NS_PER_S):
                if key.data is None:
                    return self._finished()
                key.data()
            while self._due and self._due[0][0] <= time.monotonic_ns():
                heapq.heappop(self._due)[2]()

    def accept(self, number: int, entry: CrossSpec, listener: socket.socket) -> None:
        """One more flow of the entry."""
        sock, (_, client_port) = listener.accept()
        half = Half(number, client_port, listener.getsockname()[1], entry.direction == "down", time.monotonic_ns())
        self._carry(half, sock)

    def connect(self, number: int, entry: CrossSpec, address: tuple[str, int]) -> None:
        """All flows of the entry."""
        for _ in range(entry.flows):
            sock = socket.socket()
            sockets.set_option(sock, sockets.CONGESTION, entry.congestion)
            sock.setblocking(False)
            sock.connect_ex(address)  # what becomes of it is heard at the first send or recv
            half = Half(number, sock.getsockname()[1], address[1], entry.direction == "up", time.monotonic_ns())
            self._carry(half, sock)

    def _carry(self, half: Half, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._halves.append(half)
        self._open.append((half, sock))
        if half.sends:
            sockets.set_option(sock, sockets.NOTSENT_LOWAT, _NOTSENT_BYTES)
            self._selector.register(sock, selectors.EVENT_WRITE, lambda: self._send(half, sock))
        else:
            self._selector.register(sock, selectors.EVENT_READ, lambda: self._receive(half, sock))

    def _send(self, half: Half, sock: socket.socket) -> None:
        try:
            sock.send(_BLOCK)
        except BlockingIOError:
            return
        except ConnectionError:  # the other end was told to stop first
            self._end(half, sock)

    def _receive(self, half: Half, sock: socket.socket) -> None:
        try:
            got = sock.recv_into(self._buffer, 0, socket.MSG_TRUNC)
        except BlockingIOError:
            return
        except ConnectionError:  # cut: that is how a sender stops
            got = 0
        if not got:
            self._end(half, sock)
            return
        half.bytes += got
        now_ns = time.monotonic_ns()
        if not half.delivered or now_ns - half.delivered[-1][0] >= half.sample_ns:
            half.delivered.append((now_ns, half.bytes))
            if len(half.delivered) > _MOST_SAMPLES:  # a long repetition is told in longer steps
                half.delivered, half.sample_ns = half.delivered[::2], 2 * half.sample_ns

    def _cut(self, number: int) -> None:
        for half, sock in [each for each in self._open if each[0].entry == number and each[0].sends]:
            self._end(half, sock)

    def _end(self, half: Half, sock: socket.socket) -> None:
        half.stopped_ns = time.monotonic_ns()
        if half.sends:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TOTAL_RETRANS_AT + 4)
            (half.retransmissions,) = struct.unpack_from("@I", info, _TOTAL_RETRANS_AT)
        else:
            half.delivered.append((half.stopped_ns, half.bytes))
        self._open.remove((half, sock))
        self._selector.unregister(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        sock.close()

    def _finished(self) -> list[Half]:
        for half, sock in list(self._open):
            self._end(half, sock)
        return self._halves


def _listen(address: str, entry: CrossSpec) -> socket.socket:
    """The congestion control is the listener's: a connection that begins under another keeps some of it."""
    listener = socket.socket()
    sockets.set_option(listener, sockets.CONGESTION, entry.congestion)
    listener.bind((address, 0))
    listener.listen(entry.flows)
    return listener


def _instant(fd: int, end: _End) -> int:
    """The beginning, which is said once."""
    end.forget(fd)
    (instant_ns,) = INSTANT.unpack(os.read(fd, INSTANT.size))
    return int(instant_ns)
