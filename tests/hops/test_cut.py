"""The hop that cuts: how far a response has come, and what a real connection through it sees."""

import math
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from lab.hops.cut import Knife, Progress, serve
from tests.clients.peer import request
from tests.clients.peer import server as upstream

PATIENCE_S = 30.0
LABELLED = b"GET /events HTTP/1.1\r\nhost: lab\r\nLab-Stream: 1\r\n\r\n"
BY_QUERY = b"GET /events?lab-stream=1 HTTP/1.1\r\nhost: lab\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: lab\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
BODY = b"".join(b"data: %04d\n\n" % number for number in range(100))

# What the client asked, what came → body bytes of a measured response.
SEEN: dict[str, tuple[list[bytes], list[bytes], int]] = {
    "head and body in one piece": ([LABELLED], [HEAD + BODY[:50]], 50),
    "head alone": ([LABELLED], [HEAD], 0),
    "half a head": ([LABELLED], [HEAD[:20]], 0),
    "a head in pieces": ([LABELLED], [HEAD[:20], HEAD[20:-2], HEAD[-2:], BODY[:3], BODY[3:50]], 50),
    "labelled in the query": ([BY_QUERY], [HEAD + BODY[:7]], 7),
    "a request in pieces": ([LABELLED[:40], LABELLED[40:]], [HEAD + BODY[:7]], 7),
    "a question about its health": ([HEALTH], [HEAD + BODY[:50]], 0),
    "nobody asked": ([], [HEAD + BODY[:50]], 0),
}


@pytest.mark.parametrize("case", SEEN)
def test_how_far_a_response_has_come(case: str) -> None:
    asked, answered, body_bytes = SEEN[case]
    progress = Progress()
    for data in asked:
        progress.asked(data)
    for data in answered:
        progress.answered(data)
    assert progress.body_bytes == body_bytes


def test_each_request_of_a_connection_is_looked_at() -> None:
    progress = Progress()
    found = []
    for asked in (HEALTH, LABELLED, HEALTH, LABELLED):
        progress.asked(asked)
        progress.answered(HEAD + BODY[:9])
        progress.answered(BODY[9:12])
        found.append(progress.body_bytes)
    assert found == [0, 12, 0, 12]


@given(st.lists(st.integers(0, len(HEAD) + 60), max_size=6))
def test_in_whatever_pieces_it_comes(cuts: list[int]) -> None:
    response = HEAD + BODY[:60]
    ends = [*sorted(cuts), len(response)]
    progress = Progress()
    progress.asked(LABELLED)
    for begin, end in zip([0, *ends], ends, strict=False):
        progress.answered(response[begin:end])
    assert progress.body_bytes == 60


@asynccontextmanager
async def hop(knife: Knife, *pieces: bytes) -> AsyncIterator[tuple[str, int]]:
    """Before a server that answers every request with these pieces and then ends."""

    async def answer(stream: trio.SocketStream) -> None:
        await request(stream)
        for piece in pieces:
            await stream.send_all(piece)

    async with upstream(answer) as address, trio.open_nursery() as nursery:
        with trio.socket.socket() as listener:
            await listener.bind(("127.0.0.1", 0))
            listener.listen()
            nursery.start_soon(serve, listener, address, knife)
            with trio.fail_after(PATIENCE_S):
                yield listener.getsockname()
            nursery.cancel_scope.cancel()


async def fetch(address: tuple[str, int], asked: bytes = LABELLED) -> tuple[bytes, bool]:
    """What came, and whether the end was a reset."""
    stream = await trio.open_tcp_stream(*address)
    data = bytearray()
    async with stream:
        await stream.send_all(asked)
        try:
            async for piece in stream:
                data += piece
        except trio.BrokenResourceError as error:
            return bytes(data), isinstance(error.__cause__, ConnectionResetError)
    return bytes(data), False


def knife(after_bytes: float = math.inf, after_s: float = math.inf, how: str = "reset", times: int = 1) -> Knife:
    return Knife(after_bytes, after_s, reset=how == "reset", times=times)


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("pieces", [(HEAD + BODY,), (HEAD, BODY[:55], BODY[55:])], ids=["one piece", "pieces"])
async def test_it_cuts_once_at_the_byte_and_then_no_more(pieces: tuple[bytes, ...], how: str) -> None:
    async with hop(knife(after_bytes=60, how=how), *pieces) as address:
        data, reset = await fetch(address)
        assert (HEAD + BODY).startswith(data)
        assert reset is (how == "reset")
        # A reset throws away what the kernel had not handed over yet; a FIN comes after it.
        assert len(data) == len(HEAD) + 60 or (reset and len(data) < len(HEAD) + 60)
        assert await fetch(address) == (HEAD + BODY, False)


async def test_as_often_as_it_is_told() -> None:
    async with hop(knife(after_bytes=60, how="close", times=2), HEAD + BODY) as address:
        lengths = [len((await fetch(address))[0]) - len(HEAD) for _ in range(4)]
    assert lengths == [60, 60, len(BODY), len(BODY)]


async def test_not_at_all_it_is_a_piece_of_wire() -> None:
    async with hop(knife(after_bytes=60, times=0), HEAD + BODY) as address:
        assert await fetch(address) == (HEAD + BODY, False)


async def test_questions_about_its_health_are_never_cut_and_do_not_count() -> None:
    async with hop(knife(after_bytes=60, how="close"), HEAD + BODY) as address:
        assert await fetch(address, HEALTH) == (HEAD + BODY, False)
        assert len((await fetch(address, BY_QUERY))[0]) == len(HEAD) + 60


async def test_a_response_that_is_shorter_is_let_through_and_does_not_count() -> None:
    async with hop(knife(after_bytes=60, how="close"), HEAD + BODY[:50]) as address:
        assert [await fetch(address) for _ in range(2)] == [(HEAD + BODY[:50], False)] * 2


async def test_some_time_after_the_bodys_first_byte() -> None:
    """The server goes on for ever; only the hop can have ended it."""

    async def endless(stream: trio.SocketStream) -> None:
        await request(stream)
        await stream.send_all(HEAD + BODY[:10])
        await trio.sleep_forever()

    async with upstream(endless) as address, trio.open_nursery() as nursery:
        with trio.socket.socket() as listener:
            await listener.bind(("127.0.0.1", 0))
            listener.listen()
            nursery.start_soon(serve, listener, address, knife(after_s=0.05))
            with trio.fail_after(PATIENCE_S):
                assert await fetch(listener.getsockname()) == (HEAD + BODY[:10], True)
            nursery.cancel_scope.cancel()


async def test_a_response_that_ends_before_its_time_leaves_the_cut_to_the_next() -> None:
    blade = knife(after_s=3600)
    async with hop(blade, HEAD + BODY) as address:
        assert await fetch(address) == (HEAD + BODY, False)
        assert blade.times == 1


async def test_a_server_that_is_not_there_ends_the_connection() -> None:
    with socket.socket() as nobody, trio.socket.socket() as listener:
        nobody.bind(("127.0.0.1", 0))
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, listener, nobody.getsockname(), knife())
            with trio.fail_after(PATIENCE_S):
                assert (await fetch(listener.getsockname()))[0] == b""
            nursery.cancel_scope.cancel()


async def test_a_client_that_resets_is_passed_on_as_an_end() -> None:
    ended = trio.Event()

    async def waits(stream: trio.SocketStream) -> None:
        await request(stream)
        assert await stream.receive_some() == b""
        ended.set()

    async with upstream(waits) as address, trio.open_nursery() as nursery:
        with trio.socket.socket() as listener:
            await listener.bind(("127.0.0.1", 0))
            listener.listen()
            nursery.start_soon(serve, listener, address, knife())
            stream = await trio.open_tcp_stream(*listener.getsockname())
            await stream.send_all(LABELLED)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()
            with trio.fail_after(PATIENCE_S):
                await ended.wait()
            nursery.cancel_scope.cancel()
