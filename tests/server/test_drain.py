"""The end of a server: what runs may end, what is idle goes at once, nothing new comes in."""

import errno
import socket

import pytest
import trio

from lab.errors import ScenarioError, SocketOptionError, UsageError
from lab.server import limits
from lab.server.alone import _site
from lab.server.app import listen
from lab.wire.sse import Decoder
from tests.server.peer import CHAT, connected, request, serving, site

SLOW = {"chunks": 20, "interval": "10ms"}


async def test_a_running_stream_completes_and_its_connection_then_closes() -> None:
    async with serving(site(SLOW)) as server, connected(server) as peer, trio.open_nursery() as nursery:
        await peer.send(request(CHAT) + request("/healthz"))
        seen = await peer.until(b"data: ")
        nursery.start_soon(server.drain)
        seen += await peer.until(b"0\r\n\r\n")
        assert b"[DONE]" in seen
        assert await peer.closed()  # the request that waited behind it may be repeated elsewhere


async def test_new_connections_are_refused() -> None:
    async with serving(site(SLOW)) as server, connected(server) as peer, trio.open_nursery() as nursery:
        await peer.send(request(CHAT))
        await peer.until(b"data: ")
        nursery.start_soon(server.drain)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match=r"127\.0\.0\.1"):
            await trio.open_tcp_stream(*server.address)
        await peer.until(b"[DONE]")


async def test_idle_connections_hold_nothing_up() -> None:
    async with serving() as server, connected(server) as fresh, connected(server) as kept:
        assert (await kept.get("/healthz")).status == 200
        await trio.testing.wait_all_tasks_blocked()
        await server.drain()
        assert await fresh.closed()
        assert await kept.closed()


async def test_a_request_that_has_begun_is_answered_and_told_to_close() -> None:
    async with serving() as server, connected(server) as peer, trio.open_nursery() as nursery:
        await peer.send("GET /events HTTP/1.1\r\n")
        while not server._shared._working:
            await trio.sleep(0.005)
        nursery.start_soon(server.drain)
        await trio.testing.wait_all_tasks_blocked()
        await peer.send("host: lab\r\n\r\n")
        response = await peer.response()
        assert (response.status, response.complete, response.headers["connection"]) == (200, True, "close")
        assert len(Decoder().feed(response.body)) == 3


async def test_a_long_answer_that_is_not_a_stream_is_waited_for_too() -> None:
    async with serving() as server, connected(server) as peer, trio.open_nursery() as nursery:
        await peer.send(request(f"{CHAT}?stream=false&chunks=1&size=8MiB"))
        await peer.until(b"\r\n\r\n")
        nursery.start_soon(server.drain)
        size = 0
        while data := await peer.stream.receive_some():
            size += len(data)
        assert size > 7 * 1024 * 1024


async def test_what_does_not_end_is_cut_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DRAIN_S", 0.1)
    async with serving(site({"chunks": 1000, "interval": "1s"})) as server, connected(server) as peer:
        await peer.send(request(CHAT))
        await peer.until(b"data: ")
        await server.drain()


async def test_everything_is_cut_when_the_block_ends() -> None:
    async with serving(site({"chunks": 1000, "interval": "1s"})) as server:
        stream = await trio.open_tcp_stream(*server.address)
        await stream.send_all(request(CHAT).encode())
        await stream.receive_some()
    seen = b""
    while data := await stream.receive_some():
        seen += data
    assert b"[DONE]" not in seen
    await stream.aclose()


def test_it_listens_on_loopback_only() -> None:
    with listen("127.0.0.1", 0, site()) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


# Host, port → a part of the message.
UNUSABLE = {
    "an address of another machine": ("192.0.2.1", 0, "use 127.0.0.1, or 0.0.0.0 for all"),
    "a name that is none": ("no such host", 0, "cannot listen on no such host:0"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_address_that_cannot_be_bound_is_named_with_the_remedy(case: str) -> None:
    host, port, words = UNUSABLE[case]
    with pytest.raises(UsageError, match="cannot listen on") as caught:
        listen(host, port, site())
    assert words in str(caught.value)


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with listen("127.0.0.1", 0, site()) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*choose another with --port"):
            listen("127.0.0.1", port, site())


def test_a_default_mode_that_the_kernel_refuses_is_refused_before_anybody_connects() -> None:
    with pytest.raises(SocketOptionError, match="'nope' was refused by the kernel"):
        listen("127.0.0.1", 0, site(congestion="nope"))


async def test_running_out_of_descriptors_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """accept(2): what went wrong with one connection, or for a moment, is not the end of the listener."""
    troubles = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.EPROTO, "Protocol error")]
    accept = socket.socket.accept

    def failing(sock: socket.socket) -> object:
        if troubles:
            raise troubles.pop()
        return accept(sock)

    monkeypatch.setattr(socket.socket, "accept", failing)
    async with serving() as server, connected(server) as peer:
        assert (await peer.get("/healthz")).status == 200
    assert troubles == []


# Settings of `lab serve --set` → what the server does then.
SETTINGS: dict[str, tuple[dict[str, object], str, object]] = {
    "chats are OpenAI's unless told otherwise": ({}, "format", "openai"),
    "a workload key by its own name": ({"chunks": 7}, "chunks", 7),
    "a workload key with its table": ({"workload.chunks": 7}, "chunks", 7),
    "a server key by its own name": ({"nodelay": False}, "nodelay", False),
    "a server key with its table": ({"server.cork": True}, "cork", True),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_of_the_command_line_are_the_servers_own(case: str) -> None:
    settings, key, value = SETTINGS[case]
    made = _site(settings, seed=1)
    assert getattr(made.workload if hasattr(made.workload, key) else made.server, key) == value


BAD_SETTINGS = {
    "unknown key": ({"speed": 5}, "unknown key 'speed'"),
    "another table": ({"client.streams": 5}, "only the tables workload and server"),
    "bad value": ({"interval": 20}, "20 is no duration"),
}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_bad_settings_are_refused_by_name(case: str) -> None:
    settings, words = BAD_SETTINGS[case]
    with pytest.raises(ScenarioError, match="--set") as caught:
        _site(dict(settings), seed=1)
    assert words in str(caught.value)
