"""What peers send that is not as it should be, over real sockets: each gets its answer, and the server goes on."""

import pytest
import trio

from lab.server import limits
from tests.server.peer import CHAT, connected, post, request, serving, site

MANY = "x-filler: " + "x" * 8000

# Bytes → status, words of the reason, and whether the connection may be used again.
BAD: dict[str, tuple[str | bytes, int, str, bool]] = {
    "not HTTP": ("hello\r\n\r\n", 400, "not an HTTP/1.1 request", False),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "not an HTTP", False),
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400, "Host", False),
    "two lengths": (request(CHAT, "content-length: 1", "content-length: 2", method="POST"), 400, "Content-Length", False),
    "a length beyond reason": (request(CHAT, f"content-length: {'9' * 5000}", method="POST"), 400, "Content-Length", False),
    "an unknown coding": (request(CHAT, "transfer-encoding: gzip", method="POST"), 501, "ransfer-Encoding", False),
    "a broken transfer-coding": (
        request(CHAT, "transfer-encoding: chunked", method="POST") + "zz\r\n", 400, "not an HTTP", False,
    ),
    "no such path": (request("/nope"), 404, "no such path '/nope'", True),
    "a target that is no URL": (request("//["), 400, "no URL", True),
    "a method for others": (request("/events", method="DELETE"), 405, "DELETE is not for /events", True),
    "CONNECT": (request("lab:443", method="CONNECT"), 404, "no such path", True),
    "an unknown parameter": (request("/events?speed=9"), 400, "unknown parameter 'speed'", True),
    "a congestion control that the kernel has not": (
        request("/events?congestion=nope"), 400, "refused by the kernel: No such file or directory", True,
    ),
    "a bad body": (post(CHAT, b"{"), 400, "not JSON", True),
    "a body for a path that is not there": (post("/nope", b"x" * 100_000), 404, "no such path", True),
    "a head of many fields": (request("/healthz", MANY, MANY, MANY), 431, "head is larger than 16384 bytes", False),
    "a target without end": (request("/events?x=" + "x" * 20_000), 431, "head is larger", False),
    "a head without end": ("GET / HTTP/1.1\r\nx: " + "x" * 40_000, 431, "head is larger", False),
    "an announced body too large": (
        request(CHAT, f"content-length: {limits.BODY_BYTES + 1}", method="POST"), 413, "larger than 1048576 bytes", False,
    ),
    "a body too large to wait for": (
        request(CHAT, f"content-length: {limits.BODY_BYTES + 1}", "expect: 100-continue", method="POST"),
        413, "larger than 1048576 bytes", False,
    ),
    "a body of unknown length too large": (
        request(CHAT, "transfer-encoding: chunked", method="POST") + f"{limits.BODY_BYTES + 1:x}\r\n"
        + "x" * (limits.BODY_BYTES + 1) + "\r\n0\r\n\r\n",
        413, "larger than 1048576 bytes", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_a_bad_request_is_answered_and_the_server_goes_on(case: str) -> None:
    data, status, words, reusable = BAD[case]
    async with serving() as server:
        async with connected(server) as peer:
            await peer.send(data)
            response = await peer.response()
            assert (response.status, response.complete) == (status, True)
            assert words in response.message
            assert response.headers["content-type"] == "application/json"
            assert ("close" in response.headers.get("connection", "")) is not reusable
            if reusable:
                assert (await peer.get("/healthz")).status == 200
            else:
                assert await peer.closed()
        async with connected(server) as peer:
            assert (await peer.get("/healthz")).status == 200


async def test_an_answer_arrives_although_more_of_the_body_is_still_coming() -> None:
    async with serving() as server, connected(server) as peer:
        await peer.send(request(CHAT, f"content-length: {8 * limits.BODY_BYTES}", method="POST"))
        await peer.send(b"x" * limits.BODY_BYTES)
        response = await peer.response()
        assert (response.status, response.complete) == (413, True)


async def test_a_body_is_waited_for_after_100_continue() -> None:
    async with serving() as server, connected(server) as peer:
        body = b'{"stream": false, "max_tokens": 2}'
        await peer.send(request(CHAT, f"content-length: {len(body)}", "Expect: 100-Continue", method="POST"))
        assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await peer.send(body)
        assert (await peer.response()).status == 200


# Begun, and never finished → the answer.
SLOW: dict[str, tuple[str, int | None]] = {
    "nothing at all": ("", None),
    "half a head": ("GET /healthz HTTP/1.1\r\nhost: l", 408),
    "half a body": (request(CHAT, "content-length: 100", method="POST") + "{", 408),
}


@pytest.mark.parametrize("case", SLOW)
async def test_who_does_not_finish_a_request_is_given_up(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, status = SLOW[case]
    monkeypatch.setattr(limits, "IDLE_S", 0.1)
    async with serving() as server, connected(server) as peer:
        await peer.send(data)
        response = await peer.response()
        assert response.status == status
        assert await peer.closed()


async def test_a_head_that_trickles_in_is_given_up_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_S", 0.2)
    async with serving() as server, connected(server) as peer, trio.open_nursery() as nursery:

        async def trickle() -> None:
            await peer.send("GET /healthz HTTP/1.1\r\n")
            while True:
                await peer.send("x: y\r\n")
                await trio.sleep(0.02)

        nursery.start_soon(trickle)
        assert (await peer.response()).status == 408
        nursery.cancel_scope.cancel()


async def test_a_client_that_goes_in_the_middle_of_a_request_harms_nobody() -> None:
    async with serving() as server:
        for data in ("GET /hea", request(CHAT, "content-length: 100", method="POST") + "{"):
            async with connected(server) as peer:
                await peer.send(data)
        async with connected(server) as peer:
            assert (await peer.get("/healthz")).status == 200


async def test_a_kept_alive_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IDLE_S", 0.1)
    async with serving() as server, connected(server) as peer:
        assert (await peer.get("/healthz")).status == 200
        assert await peer.closed()


async def test_connections_beyond_the_bound_are_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECTIONS", 2)
    async with serving() as server, connected(server) as first, connected(server) as second:
        assert (await first.get("/healthz")).status == (await second.get("/healthz")).status == 200
        async with connected(server) as third:
            response = await third.get("/healthz")
            assert (response.status, response.complete) == (503, True)
            assert "2 connections are open already" in response.message
        await first.stream.aclose()
        async with connected(server) as fourth:
            while (response := await fourth.get("/healthz")).status != 200:
                await trio.sleep(0.01)  # the server has not seen the first go yet
                await fourth.stream.aclose()
                fourth.stream = await trio.open_tcp_stream(*server.address)


async def test_a_large_answer_is_made_while_streams_go_on() -> None:
    async with serving(site({"chunks": 200})) as server, connected(server) as large, connected(server) as small:
        await large.send(request(f"{CHAT}?chunks=1&size=4MiB&stream=false"))
        assert (await small.get(CHAT)).complete
        response = await large.response()
        assert (response.status, response.complete) == (200, True)
        assert len(response.body) > 4 * 1024 * 1024
