"""The raw client's reading thread: what it stamps, in which order, and who gets the socket back when."""

import functools
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from lab.clients.receiver import Receiver, Take, receiving

PATIENCE_S = 30.0

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pairs() -> Iterator[list[Pair]]:
    """Three connections over the loopback: our end, which does not block, and the peer's."""
    made = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for _ in range(3):
            ours = socket.create_connection(listener.getsockname())
            ours.setblocking(False)
            made.append((ours, listener.accept()[0]))
    yield made
    for ours, theirs in made:
        ours.close()
        theirs.close()


class Taker:
    """Keeps what it was given; wants more until it has `bytes`."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.data = b""
        self.reads_ns: list[int] = []
        self.begins_ns: list[int] = []

    def __call__(self, data: bytes, read_ns: int, stamp_ns: int | None) -> bool:
        self.begins_ns.append(time.monotonic_ns())
        self.reads_ns.append(read_ns)
        self.data += data
        return len(self.data) < self.size_bytes


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


async def test_reads_until_it_wants_no_more(pairs: list[Pair]) -> None:
    ours, theirs = pairs[0]
    taker = Taker(6)
    async with receiving(2, None) as receiver:
        theirs.sendall(b"abcdef")
        assert await receiver.receive(ours, taker)
    assert taker.data == b"abcdef"
    assert len(taker.reads_ns) == 3


async def test_the_end_of_the_peer_comes_after_its_last_bytes(pairs: list[Pair]) -> None:
    ours, theirs = pairs[0]
    taker = Taker(100)
    async with receiving(2, None) as receiver:
        theirs.sendall(b"abcd")
        theirs.close()
        assert not await receiver.receive(ours, taker)
    assert taker.data == b"abcd"


async def test_a_reset_comes_after_its_last_bytes(pairs: list[Pair]) -> None:
    ours, theirs = pairs[0]
    taker = Taker(100)

    def reset_then_go_on(data: bytes, read_ns: int, stamp_ns: int | None) -> bool:
        _reset(theirs)
        return taker(data, read_ns, stamp_ns)

    async with receiving(100, None) as receiver:
        theirs.sendall(b"abcd")
        with pytest.raises(ConnectionResetError):
            await receiver.receive(ours, reset_then_go_on)
    assert taker.data == b"abcd"


async def test_what_wanted_no_more_does_not_see_the_reset_after_it(pairs: list[Pair]) -> None:
    """The reset is read while the last bytes still wait to be understood: of three reads in a row two are, then it looks."""
    understanding, go_on = threading.Event(), threading.Event()
    last = Taker(1)

    def think(data: bytes, _read_ns: int, _stamp_ns: int | None) -> bool:
        understanding.set()
        assert go_on.wait(PATIENCE_S)
        return data == b"a"

    def reset_the_last(_data: bytes, _read_ns: int, _stamp_ns: int | None) -> bool:
        _reset(pairs[2][1])
        return False

    async with receiving(100, None) as receiver, trio.open_nursery() as nursery:
        takes: list[Take] = [think, reset_the_last, last]
        for (ours, _), take in zip(pairs, takes, strict=True):
            nursery.start_soon(functools.partial(receiver.receive, ours, take))
        await trio.testing.wait_all_tasks_blocked()
        pairs[0][1].sendall(b"a")
        await trio.to_thread.run_sync(understanding.wait, PATIENCE_S)
        for _, theirs in pairs:
            theirs.sendall(b"b")
        go_on.set()
    assert last.data == b"b"


async def test_a_single_read_leaves_the_rest(pairs: list[Pair]) -> None:
    ours, theirs = pairs[0]
    taker = Taker(6)
    async with receiving(2, None) as receiver:
        theirs.sendall(b"abcdef")
        for had in (b"ab", b"abcd", b"abcdef"):
            assert await receiver.receive(ours, taker, once=True)
            assert taker.data == had


async def test_every_recv_is_prepared(pairs: list[Pair]) -> None:
    ours, theirs = pairs[0]
    prepared: list[socket.socket] = []
    async with receiving(2, prepared.append) as receiver:
        theirs.sendall(b"abcdef")
        await receiver.receive(ours, Taker(6))
    assert prepared == [ours] * 3


async def test_what_cannot_be_understood_fails_its_own_task_alone(pairs: list[Pair]) -> None:
    def refuse(_data: bytes, _read_ns: int, _stamp_ns: int | None) -> bool:
        raise ValueError("not understood")

    other = Taker(1)
    async with receiving(2, None) as receiver, trio.open_nursery() as nursery:
        nursery.start_soon(receiver.receive, pairs[1][0], other)
        pairs[0][1].sendall(b"a")
        with pytest.raises(ValueError, match="not understood"):
            await receiver.receive(pairs[0][0], refuse)
        pairs[1][1].sendall(b"b")
    assert other.data == b"b"


async def test_a_cancelled_task_has_its_socket_back(pairs: list[Pair]) -> None:
    ours, theirs = pairs[0]
    first, second = Taker(100), Taker(2)
    async with receiving(100, None) as receiver:
        with trio.move_on_after(0):
            await receiver.receive(ours, first)
        theirs.sendall(b"ab")
        assert await receiver.receive(ours, second)
    assert (first.data, second.data) == (b"", b"ab")


async def test_all_that_is_there_is_stamped_before_any_of_it_is_understood(pairs: list[Pair]) -> None:
    """While the first read is understood, two sockets become readable: both are stamped before either goes on."""
    understanding, go_on = threading.Event(), threading.Event()
    takers = [Taker(1), Taker(1)]

    def think(_data: bytes, _read_ns: int, _stamp_ns: int | None) -> bool:
        understanding.set()
        assert go_on.wait(PATIENCE_S)
        return False

    async with receiving(100, None) as receiver, trio.open_nursery() as nursery:
        takes: list[Take] = [think, *takers]
        for (ours, _), take in zip(pairs, takes, strict=True):
            nursery.start_soon(functools.partial(receiver.receive, ours, take))
        await trio.testing.wait_all_tasks_blocked()
        pairs[0][1].sendall(b"a")
        await trio.to_thread.run_sync(understanding.wait, PATIENCE_S)
        for _, theirs in pairs[1:]:
            theirs.sendall(b"a")
        go_on.set()
    stamps = [taker.reads_ns[0] for taker in takers]
    assert max(stamps) <= min(taker.begins_ns[0] for taker in takers)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")
async def test_nothing_is_left_behind() -> None:
    def open_descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async with receiving(1, None):
        pass
    before = open_descriptors()
    async with receiving(1, None) as receiver:
        assert isinstance(receiver, Receiver)
    assert open_descriptors() == before
