"""Streams over real sockets: every mode gives the same text, and the record agrees with the bytes that came."""

import socket
import struct
import sys
from unittest import mock

import pytest
import trio

from lab.linux import sockets
from lab.server import app, limits
from lab.server.mode import release_cork
from lab.server.record import StreamRecord
from lab.wire.sse import Decoder
from lab.wire.stream import StreamReader
from tests.server.peer import CHAT, Peer, Response, connected, ended_cleanly, request, serving, site

# Query of a mode → whether its response has a transfer-coding, and whether its connection is kept.
MODES = {
    "flush=every": (True, True),
    "flush=none": (True, True),
    "flush=bytes:10": (True, True),
    "flush=interval:2ms": (True, True),
    "flush=end": (True, True),
    "early_headers=false": (True, True),
    "early_headers=false&flush=end": (True, True),
    "nodelay=false": (True, True),
    "cork=true": (True, True),
    "writes_per_chunk=3": (True, True),
    "writes_per_chunk=3&early_headers=false&flush=bytes:7": (True, True),
    "notsent_lowat=4KiB": (True, True),
    "sndbuf=4608B": (True, False),
    "congestion=reno": (True, False),
    "keepalive=false": (True, False),
    "framing=close": (False, False),
    "framing=close&flush=end&early_headers=false": (False, False),
}


def _texts(response: Response) -> list[str]:
    return [event.data for event in Decoder().feed(response.body)]


async def _finished(records: list[StreamRecord]) -> StreamRecord:
    """The record of the first stream, which is handed in when it stops: at the earliest when its last byte is accepted."""
    while not records:
        await trio.sleep(0.005)
    return records[0]


@pytest.mark.parametrize("query", MODES)
async def test_every_mode_gives_the_same_events_and_keeps_or_ends_its_connection(query: str) -> None:
    chunked, kept = MODES[query]
    records: list[StreamRecord] = []
    async with serving(records=records) as server, connected(server) as peer:
        expected = _texts(await peer.get(CHAT, "lab-stream: 7"))
        response = await peer.get(f"{CHAT}?{query}", "lab-stream: 7")
        assert len(expected) == 4
        assert _texts(response) == expected
        assert response.headers.get("transfer-encoding") == ("chunked" if chunked else None)
        assert ("close" in response.headers.get("connection", "")) is not kept
        assert response.complete is True or ended_cleanly(response)
        if kept:
            assert (await peer.get("/healthz")).status == 200
        else:
            assert await peer.closed()
    _check_record(records[1], response)


async def test_further_header_fields_are_of_streams_alone() -> None:
    async with serving(site(headers={"x-accel-buffering": "no"})) as server, connected(server) as peer:
        assert (await peer.get(CHAT)).headers["x-accel-buffering"] == "no"
        assert "x-accel-buffering" not in (await peer.get("/healthz")).headers


def _check_record(record: StreamRecord, response: Response) -> None:
    """What the server noted is what the client's own parser finds in the bytes."""
    said = record.said()
    assert sum(write.size_bytes for write in said.writes) == len(response.raw)
    ends = [arrived.end_offset for arrived in StreamReader().feed(response.raw)]
    assert [row.end for row in said.chunks] == ends[: len(said.chunks)]
    assert said.sockets["TCP_NODELAY"][0] == said.sockets["TCP_NODELAY"][1]
    assert None not in [got for _, got in said.sockets.values()]


@pytest.mark.skipif(sys.platform != "linux", reason="the options are Linux's")
async def test_what_the_kernel_rounds_stands_in_the_record() -> None:
    records: list[StreamRecord] = []
    async with serving(records=records) as server, connected(server) as peer:
        await peer.get(f"{CHAT}?sndbuf=1B&congestion=reno", "lab-stream: 1")
    asked, got = records[0].said().sockets["SO_SNDBUF"]
    assert asked == 1
    assert isinstance(got, int)
    assert got > 1
    assert records[0].said().sockets["TCP_CONGESTION"] == ("reno", "reno")


@pytest.mark.skipif(sys.platform != "linux", reason="only there are they inherited")
async def test_connections_begin_in_the_servers_own_mode() -> None:
    settings = site(nodelay=True, congestion="reno", sndbuf="8KiB", notsent_lowat="16KiB", cork=True)
    with app.listen("127.0.0.1", 0, settings) as listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        with listener.accept()[0] as accepted:
            options = (sockets.NODELAY, sockets.SNDBUF, sockets.NOTSENT_LOWAT, sockets.CORK)
            assert [sockets.get_option(accepted, each) for each in options] == [1, 16384, 16384, 0]
            assert sockets.get_option(accepted, sockets.CONGESTION, text=True) == "reno"


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_CORK is Linux's")
async def test_a_cork_is_released_when_the_response_is_over() -> None:
    """Else its last bytes stay for 200 ms (net/ipv4/tcp.c: the cork's ceiling), and the next answer with them."""
    with mock.patch("lab.server.delivery.release_cork", wraps=release_cork) as release:
        async with serving() as server, connected(server) as peer:
            assert (await peer.get(f"{CHAT}?cork=true")).complete
            assert (await peer.get("/healthz")).status == 200
    assert release.call_count == 1


async def test_the_record_of_a_later_response_knows_what_came_before_it_on_the_connection() -> None:
    records: list[StreamRecord] = []
    async with serving(records=records) as server, connected(server) as peer:
        before = [await peer.get("/healthz"), await peer.get("/nope"), await peer.get(CHAT)]
        await peer.get(CHAT, "lab-stream: 1")
        said = (await _finished(records)).said()
        assert said.connection_offset == sum(len(response.raw) for response in before)
        assert (said.client_port, said.server_port) == (peer.stream.socket.getsockname()[1], server.address[1])


async def test_streams_without_a_label_are_not_recorded() -> None:
    records: list[StreamRecord] = []
    async with serving(records=records) as server, connected(server) as peer:
        await peer.get(CHAT)
    assert records == []


async def test_requests_that_come_together_are_answered_in_order() -> None:
    async with serving() as server, connected(server) as peer:
        await peer.send(
            request("/healthz") + request(CHAT) + request("/nope") + request("/events") + request("/healthz")
        )
        responses = [await peer.response() for _ in range(5)]
        assert [response.status for response in responses] == [200, 200, 404, 200, 200]
        assert len(_texts(responses[1])) == 4
        assert all(response.complete for response in responses)


async def test_a_request_that_comes_during_a_stream_waits_for_its_end() -> None:
    async with serving(site({"interval": "20ms"})) as server, connected(server) as peer:
        await peer.send(request(CHAT))
        head = await peer.until(b"data: ")
        await peer.send(request("/healthz"))
        rest = head + await peer.until(b'"requests"')
        assert rest.index(b"[DONE]") < rest.index(b'"requests"')


async def test_http_1_0_gets_no_transfer_coding_and_the_end_of_the_connection() -> None:
    for query in ("", "?writes_per_chunk=3"):
        async with serving() as server, connected(server) as peer:
            await peer.send(f"GET {CHAT}{query} HTTP/1.0\r\n\r\n")
            response = await peer.response()
            assert "transfer-encoding" not in response.headers
            assert "close" in response.headers["connection"]
            assert len(_texts(response)) == 4
            assert ended_cleanly(response)


HEADS = ["/healthz", CHAT, f"{CHAT}?stream=false", "/events"]


@pytest.mark.parametrize("target", HEADS)
async def test_head_gets_the_head_of_get_alone(target: str) -> None:
    async with serving() as server, connected(server) as peer:
        head = await peer.get(target, method="HEAD")
        answer = await peer.get(target)  # would begin with the body, had HEAD sent one
        assert (head.status, answer.status) == (200, 200)
        assert head.headers["content-type"] == answer.headers["content-type"]
        assert head.body == b""


async def test_head_of_what_is_not_there_has_no_body_either() -> None:
    async with serving() as server, connected(server) as peer:
        assert (await peer.get("/nope", method="HEAD")).status == 404
        assert (await peer.get("/healthz")).status == 200


LONG = {"chunks": 4_000, "interval": "5ms", "size": "16B"}


async def _reset(peer: Peer) -> None:
    linger = struct.pack("ii", 1, 0)
    peer.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    await peer.stream.aclose()


async def _close(peer: Peer) -> None:
    await peer.stream.aclose()


async def _half_close(peer: Peer) -> None:
    await peer.stream.send_eof()


WAYS_TO_GO = {"FIN": _close, "FIN of its own side only": _half_close, "RST": _reset}


@pytest.mark.parametrize("way", WAYS_TO_GO)
async def test_a_client_that_goes_away_stops_its_stream_and_no_other(way: str) -> None:
    records: list[StreamRecord] = []
    async with serving(site(LONG), records) as server, connected(server) as other, connected(server) as peer:
        await other.send(request(CHAT))
        await peer.send(request(CHAT, "lab-stream: 1"))
        await peer.until(b"data: ")
        await WAYS_TO_GO[way](peer)
        record = await _finished(records)
        assert 0 < len(record.emit_ns) < LONG["chunks"]  # type: ignore[operator]
        emitted = len(record.emit_ns)
        await other.until(b"data: ")
        await other.until(b"data: ")
        assert len(record.emit_ns) == emitted


async def test_a_reader_that_does_not_read_holds_up_nobody_and_loses_nothing() -> None:
    records: list[StreamRecord] = []
    settings = site({"chunks": 100, "interval": "1ms", "size": "8KiB"}, sndbuf="4KiB")
    async with serving(settings, records) as server, connected(server) as slow, connected(server) as quick:
        await slow.send(request(CHAT, "lab-stream: 1"))
        response = await quick.get(f"{CHAT}?size=8B")
        assert len(_texts(response)) == 101
        assert records == []
        response = await slow.response()
        assert len(_texts(response)) == 101
        said = (await _finished(records)).said()
    assert any(write.blocked for write in said.writes)
    assert sum(write.size_bytes for write in said.writes) == len(response.raw)
    assert [row.text for row in said.chunks] == _texts(response)[:-1]


async def test_a_reader_that_never_reads_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BLOCKED_S", 0.2)
    records: list[StreamRecord] = []
    settings = site({"chunks": 200, "interval": "1ms", "size": "64KiB"}, sndbuf="4KiB")
    async with serving(settings, records) as server, connected(server) as peer:
        await peer.send(request(CHAT, "lab-stream: 1"))
        await peer.until(b"data: ")
        record = await _finished(records)
        assert sum(row[0] for row in record.writes) < 200 * 65536


async def test_a_peer_that_floods_the_connection_during_its_stream_is_cut() -> None:
    records: list[StreamRecord] = []
    async with serving(site(LONG), records) as server, connected(server) as peer:
        await peer.send(request(CHAT, "lab-stream: 1"))
        with pytest.raises(trio.BrokenResourceError):
            await _flood(peer)
        assert await _finished(records)


async def _flood(peer: Peer) -> None:
    while True:
        await peer.send(b"x" * 65_536)
