"""The httpx clients on the real loopback, against servers that do one thing each: both decoders end in the same records."""

import socket
import ssl
import struct
import sys
import time
from itertools import pairwise
from typing import Any

import httpx
import pytest
import trio

from lab.clients.httpx_client import run
from lab.clients.visit import Visit
from lab.model.client import ClientSpec
from lab.model.request import STREAM_LABEL, RequestSpec
from lab.model.workload import WorkloadSpec
from lab.trace.records import ClientRecord, StreamSeen
from tests.clients.peer import Serve, answer, request, server
from tests.clients.responses import HEAD, OPENAI, PLAIN, TEXTS, chunked, sized, until_close

PATIENCE_S = 30.0
"""For what comes at once; reaching it fails the test."""
KINDS = ("httpx", "httpx-sse")

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this option")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the two clients."""
    return str(request.param)


async def _visit(
    kind: str, address: tuple[str, int], timeout_s: float = PATIENCE_S, form: str = "plain", **client: Any
) -> ClientRecord:
    workload = WorkloadSpec.model_validate({"chunks": len(TEXTS), "format": form})
    with trio.fail_after(2 * PATIENCE_S):
        return await run(
            Visit(
                address, ClientSpec.model_validate({"kind": kind, **client}), workload, RequestSpec(), "1/1", timeout_s
            )
        )


async def _one(kind: str, serve: Serve, timeout_s: float = PATIENCE_S, **client: Any) -> StreamSeen:
    async with server(serve) as address:
        (seen,) = (await _visit(kind, address, timeout_s, **client)).streams
        return seen


def _texts(seen: StreamSeen) -> list[str]:
    return [chunk.text for chunk in seen.chunks]


RESPONSES = {"chunked": chunked(PLAIN), "with its length": sized(PLAIN), "until close": until_close(PLAIN)}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
async def test_a_whole_response(kind: str, response: bytes) -> None:
    seen = await _one(kind, answer(response))
    assert _texts(seen) == TEXTS
    assert (seen.stream, seen.connection, seen.request) == (1, 1, 1)
    assert (seen.status, seen.completion, seen.error) == (200, "done", None)
    assert sum(read.size_bytes for read in seen.reads) == len(b"".join(PLAIN))
    assert {read.offset for read in seen.reads} == {chunk.end for chunk in seen.chunks} == {None}


async def test_frames_of_openai_that_are_no_chunks_are_left_out(kind: str) -> None:
    seen = await _one(kind, answer(chunked(OPENAI)), form="openai")
    assert (_texts(seen), seen.completion) == (TEXTS, "done")


async def test_the_instants_of_a_stream_are_in_their_order(kind: str) -> None:
    response = chunked(PLAIN)
    seen = await _one(kind, answer(*[response[n : n + 1] for n in range(len(response))]))
    order = [seen.due_ns, seen.connect_ns, seen.connected_ns, seen.request_ns, seen.first_byte_ns, seen.headers_ns]
    instants = [instant for instant in [*order, seen.end_ns] if instant is not None]
    assert len(instants) == 7
    assert instants == sorted(instants)
    assert all(early.read_ns <= late.read_ns for early, late in pairwise(seen.reads))
    for chunk in seen.chunks:
        assert seen.reads[chunk.read_index - 1].read_ns <= chunk.arrival_ns


async def test_a_frame_of_the_transfer_coding_is_a_read_of_its_own(kind: str) -> None:
    """All came in one packet; httpx hands the frames out one by one."""
    seen = await _one(kind, answer(chunked(PLAIN)))
    assert [read.size_bytes for read in seen.reads] == [len(event) for event in PLAIN]
    assert [chunk.read_index for chunk in seen.chunks] == [1, 2, 3, 4]


async def test_set_up_is_a_figure_of_its_own_and_over_before_anything_is_due(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built_ns: list[int] = []
    create = httpx.create_ssl_context

    def watched() -> ssl.SSLContext:
        built_ns.append(time.monotonic_ns())
        return create()

    monkeypatch.setattr(httpx, "create_ssl_context", watched)
    async with server(answer(chunked(PLAIN))) as address:
        record = await _visit(kind, address, streams=2)
    assert record.setup_ns is not None
    assert len(built_ns) == 1
    assert all(built_ns[0] < seen.due_ns for seen in record.streams)


async def test_the_ports_are_the_connection_s(kind: str) -> None:
    peers: list[int] = []

    async def serve(stream: trio.SocketStream) -> None:
        peers.append(stream.socket.getpeername()[1])
        await request(stream)
        await stream.send_all(chunked(PLAIN))

    async with server(serve) as address:
        (seen,) = (await _visit(kind, address)).streams
    assert ([seen.client_port], seen.server_port) == (peers, address[1])


async def test_nobody_listens(kind: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host, port = bound.getsockname()
        (seen,) = (await _visit(kind, (host, port))).streams
    assert (seen.completion, seen.status, seen.reads) == ("error", None, [])
    assert seen.error == f"connecting to {host}:{port}: Connection refused"
    assert seen.end_ns is not None


async def test_a_reset_in_the_middle_keeps_what_came(kind: str) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await request(stream)
        await stream.send_all(chunked(PLAIN[:2], end=False))
        await trio.sleep(0.05)  # a reset overtakes what the reader has not taken
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset

    seen = await _one(kind, serve)
    assert (_texts(seen), seen.completion) == (TEXTS[:2], "reset")
    assert seen.error is not None
    assert "reset by peer" in seen.error


ENDINGS = {
    "between events": (until_close(PLAIN[:2]), TEXTS[:2], "closed"),
    "inside the transfer-coding": (chunked(PLAIN[:2], end=False), TEXTS[:2], "truncated"),
    "inside the length": (sized(PLAIN)[: -len(PLAIN[-1])], TEXTS[:3], "truncated"),
    "inside the head": (HEAD, [], "truncated"),
    "without a word": (b"", [], "truncated"),
    "after all that was planned": (chunked(PLAIN, end=False), TEXTS, "done"),
}


@pytest.mark.parametrize(("response", "texts", "completion"), ENDINGS.values(), ids=ENDINGS)
async def test_a_connection_closed_early(kind: str, response: bytes, texts: list[str], completion: str) -> None:
    seen = await _one(kind, answer(response))
    assert (_texts(seen), seen.completion, seen.error) == (texts, completion, None)


@pytest.mark.parametrize(
    ("kind", "completion"), [("httpx", "truncated"), ("httpx-sse", "closed")], ids=["httpx", "httpx-sse does not tell"]
)
async def test_a_connection_closed_inside_an_event(kind: str, completion: str) -> None:
    seen = await _one(kind, answer(until_close([*PLAIN[:2], b"data: half"])))
    assert (_texts(seen), seen.completion) == (TEXTS[:2], completion)


async def test_an_answer_that_stops_coming_ends_at_the_time_limit_with_what_it_has(kind: str) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await request(stream)
        await stream.send_all(chunked(PLAIN[:2], end=False))
        await trio.sleep_forever()

    seen = await _one(kind, serve, timeout_s=0.3)
    assert (_texts(seen), seen.completion) == (TEXTS[:2], "timeout")
    assert seen.end_ns is not None
    assert seen.end_ns >= seen.chunks[-1].arrival_ns


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nno\n"


async def test_not_found_is_a_status_and_no_chunk() -> None:
    seen = await _one("httpx", answer(NOT_FOUND))
    assert (seen.status, seen.completion, seen.chunks) == (404, "closed", [])


async def test_httpx_sse_refuses_what_is_no_event_stream() -> None:
    seen = await _one("httpx-sse", answer(NOT_FOUND.replace(b"404 Not Found", b"200 OK")))
    assert (seen.status, seen.completion, seen.chunks) == (200, "error", [])
    assert seen.error is not None
    assert "text/event-stream" in seen.error


BROKEN = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n\r\n",
    "a frame that is none": HEAD + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN)
async def test_broken_http_is_an_error_in_words(kind: str, response: bytes) -> None:
    seen = await _one(kind, answer(response))
    assert (seen.completion, seen.chunks) == ("error", [])
    assert seen.error is not None
    assert "check that it speaks HTTP/1.1" in seen.error


async def test_reuse_measures_the_last_request_of_its_connection(kind: str) -> None:
    heads: list[bytes] = []
    connections = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        while head := await request(stream):
            heads.append(head.lower())
            await stream.send_all(chunked(PLAIN))

    seen = await _one(kind, serve, reuse=3, think="3ms")
    label = f"{STREAM_LABEL}: 1\r\n".encode()
    assert [label in head for head in heads] == [False, False, True]
    assert connections == 1
    assert (seen.connection, seen.request, _texts(seen)) == (1, 3, TEXTS)
    assert sum(read.size_bytes for read in seen.reads) == len(b"".join(PLAIN))


async def test_a_connection_that_does_not_last_fails_its_reuse_by_name(kind: str) -> None:
    seen = await _one(kind, answer(until_close(PLAIN)), reuse=2)
    assert (seen.completion, seen.chunks) == ("error", [])
    assert seen.error is not None
    assert "request 1 of 2" in seen.error


async def test_more_requests_than_streams(kind: str) -> None:
    labels: list[bytes] = []
    now = most = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        head = await request(stream)
        labels.append(head.lower().partition(f"{STREAM_LABEL}: ".encode())[2].split(b"\r\n")[0])
        await stream.send_all(chunked(PLAIN))
        await request(stream)  # until the client closes
        now -= 1

    async with server(serve) as address:
        record = await _visit(kind, address, streams=2, requests=5)
    assert most <= 2
    assert sorted(labels) == [b"1", b"2", b"3", b"4", b"5"]
    assert sorted(seen.connection for seen in record.streams) == [1, 2, 3, 4, 5]
    assert {seen.completion for seen in record.streams} == {"done"}


async def test_a_slow_reader_pauses_before_each_read(kind: str) -> None:
    seen = await _one(kind, answer(chunked(PLAIN)), read_delay="3ms")
    assert len(seen.reads) == 4
    assert min(late.read_ns - early.read_ns for early, late in pairwise(seen.reads)) >= 2_900_000


@linux_only
async def test_knobs_of_the_receiver_are_set_and_read_back(kind: str) -> None:
    async with server(answer(chunked(PLAIN))) as address:
        record = await _visit(kind, address, rcvbuf="8KiB", window_clamp="4KiB", quickack="off")
    assert record.sockets["SO_RCVBUF"] == (8192, 16_384)
    assert record.sockets["TCP_WINDOW_CLAMP"] == (4096, 4096)
    assert record.sockets["TCP_CONGESTION"] == ("reno", "reno")
    assert record.sockets["TCP_NODELAY"] == (1, 1)
    assert record.sockets["TCP_NOTSENT_LOWAT"] == (-1, -1)  # Trio sets 16 KiB


@pytest.mark.parametrize("name", KINDS)
def test_a_read_size_is_not_httpx_s_to_choose(name: str) -> None:
    with pytest.raises(ValueError, match=f'read_size: kind = "{name}" decides this itself'):
        ClientSpec.model_validate({"kind": name, "read_size": "5B"})
