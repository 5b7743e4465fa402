"""All sockets of the raw client, read by one thread that waits for them itself.

The rule: stamp first, understand later. What is readable is read and stamped before any of it is understood, and after every
few that were understood it looks again. The thread waits by itself because the way through Trio's scheduler, from the
readiness of a socket to the task that reads it, costs as much as all the rest: at 20,000 chunks a second on one core, chunks
were read 10 ms late (p50) that way and 0.03 this way, as in a loop that does nothing else.

Trio stays in charge: it starts and ends the thread, and a cancelled task has its socket back before it goes on. Must not
touch Trio from the thread but through its token.
"""

import selectors
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from lab.linux.realtime import share_process_priority

# asm-generic/socket.h; 64-bit time on every 64-bit Linux. Python does not name it.
SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
_ANCILLARY_BYTES = 64
# To look for more costs about 2 µs, to understand a read some 6: what comes meanwhile waits for two of them at most.
_UNDERSTOOD_PER_LOOK = 2
# Against a source that is always faster: so many reads, of 64 KiB each, may wait to be understood.
_MOST_WAITING = 256

Take = Callable[[bytes, int, int | None], bool]
"""Understands one read: data, when it returned, the kernel's stamp on the same clock. True: read on."""
Prepare = Callable[[socket.socket], object]
"""Sets what has to be set before every `recv`."""


class _Reading:
    """A task that waits while its socket is read for it."""

    __slots__ = ("ended", "error", "once", "over", "recvmsg", "registered", "sock", "take")

    def __init__(self, sock: socket.socket, take: Take, once: bool) -> None:
        self.sock = sock
        self.recvmsg = sock.recvmsg
        self.take: Take | None = take  # None: over
        self.once = once
        self.registered = True
        self.ended = False
        self.error: Exception | None = None
        self.over = trio.Event()


# reading, data (empty at the end) or what `recvmsg` raised, when, CLOCK_REALTIME less CLOCK_MONOTONIC then, ancillary data
_Read = tuple[_Reading, bytes | Exception, int, int, list[tuple[int, int, bytes]]]


@asynccontextmanager
async def receiving(read_size: int, prepare: Prepare | None) -> AsyncIterator["Receiver"]:
    """A receiver, for as long as the block runs. `read_size`: bytes asked of each `recv`."""
    receiver = Receiver(read_size, prepare)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, receiver.run)
        try:
            yield receiver
        finally:
            receiver.stop()


class Receiver:
    """`receive` from any task; `run` in one thread."""

    def __init__(self, read_size: int, prepare: Prepare | None) -> None:
        self._read_size = read_size
        self._prepare = prepare
        self._trio = trio.lowlevel.current_trio_token()
        self._selector = selectors.DefaultSelector()
        self._stopper, self._stop = socket.socketpair()
        self._selector.register(self._stop, selectors.EVENT_READ)
        # Held while the thread is at work, so that nobody closes what it reads.
        self._lock = threading.Lock()
        self._waiting: deque[_Read] = deque()

    async def receive(self, sock: socket.socket, take: Take, *, once: bool = False) -> bool:
        """Read until `take` wants no more (True) or the peer ends (False). `once`: a single read.

        Raises what `recvmsg` and `take` raise.
        """
        reading = _Reading(sock, take, once)
        with self._lock:
            # epoll and kqueue take a socket in at once, also while the thread waits in them.
            self._selector.register(sock, selectors.EVENT_READ, reading)
        try:
            await reading.over.wait()
        finally:
            with self._lock:
                self._leave(reading)
        if reading.error is not None:
            raise reading.error
        return not reading.ended

    def stop(self) -> None:
        """Have `run` return."""
        self._stopper.close()

    def run(self) -> None:
        """Until `stop`."""
        if sys.platform == "linux":
            share_process_priority()
        with self._selector, self._stop:
            while True:
                ready = self._selector.select(0 if self._waiting else None)
                with self._lock:
                    for key, _ in ready:
                        if key.data is None:
                            return
                        self._read(key.data)
                    for _ in range(self._turn()):
                        self._understand(self._waiting.popleft())

    def _turn(self) -> int:
        """How many reads are understood before it looks again."""
        return min(len(self._waiting), max(_UNDERSTOOD_PER_LOOK, len(self._waiting) - _MOST_WAITING))

    def _read(self, reading: _Reading) -> None:
        if not reading.registered:  # it left between `select` and the lock
            return
        try:
            if self._prepare is not None:
                self._prepare(reading.sock)
            data, ancillary, _, _ = reading.recvmsg(self._read_size, _ANCILLARY_BYTES)
            read_ns = time.monotonic_ns()
            self._waiting.append((reading, data, read_ns, time.time_ns() - read_ns, ancillary))
        except BlockingIOError:
            return
        except Exception as error:  # noqa: BLE001  # its task's affair, as soon as what came before is understood
            data = b""
            self._waiting.append((reading, error, 0, 0, []))
        if reading.once or not data:
            self._unregister(reading)

    def _understand(self, read: _Read) -> None:
        reading, data, read_ns, offset_ns, ancillary = read
        take = reading.take
        if take is None:  # it wanted no more, or left
            return
        try:
            if isinstance(data, Exception):
                raise data
            more = bool(data) and take(data, read_ns, _stamp_ns(ancillary, offset_ns))
        except Exception as error:  # noqa: BLE001  # its task's affair
            more, reading.error = False, error
        reading.ended = not data
        if reading.once or not more:
            self._leave(reading)
            self._trio.run_sync_soon(reading.over.set)

    def _leave(self, reading: _Reading) -> None:
        self._unregister(reading)
        reading.take = None

    def _unregister(self, reading: _Reading) -> None:
        if reading.registered:
            reading.registered = False
            self._selector.unregister(reading.sock)


def _stamp_ns(ancillary: list[tuple[int, int, bytes]], realtime_offset_ns: int) -> int | None:
    """The kernel stamps in CLOCK_REALTIME; the offset was sampled beside the read."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return int(seconds * 1_000_000_000 + nanoseconds - realtime_offset_ns)
    return None
