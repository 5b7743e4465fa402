"""The raw client on the real loopback, against servers that do one thing each and then what they should not."""

import socket
import struct
import sys
from itertools import pairwise
from typing import Any

import pytest
import trio

from lab.clients.raw import run
from lab.clients.visit import Visit
from lab.model.client import ClientSpec
from lab.model.request import STREAM_LABEL, RequestSpec
from lab.model.workload import WorkloadSpec
from lab.trace.records import ClientRecord, StreamSeen
from tests.clients.peer import Serve, answer, request, server
from tests.clients.responses import HEAD, PLAIN, TEXTS, chunked, sized, until_close

PATIENCE_S = 30.0
"""For what comes at once; reaching it fails the test."""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this option")


async def _visit(address: tuple[str, int], timeout_s: float = PATIENCE_S, **client: Any) -> ClientRecord:
    workload = WorkloadSpec.model_validate({"chunks": len(TEXTS)})
    with trio.fail_after(2 * PATIENCE_S):
        return await run(Visit(address, ClientSpec.model_validate(client), workload, RequestSpec(), "1/1", timeout_s))


async def _one(serve: Serve, timeout_s: float = PATIENCE_S, **client: Any) -> StreamSeen:
    async with server(serve) as address:
        (seen,) = (await _visit(address, timeout_s, **client)).streams
        return seen


def _texts(seen: StreamSeen) -> list[str]:
    return [chunk.text for chunk in seen.chunks]


RESPONSES = {"chunked": chunked(PLAIN), "with its length": sized(PLAIN), "until close": until_close(PLAIN)}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
async def test_a_whole_response(response: bytes) -> None:
    seen = await _one(answer(response))
    assert _texts(seen) == TEXTS
    assert (seen.stream, seen.connection, seen.request) == (1, 1, 1)
    assert (seen.status, seen.completion, seen.error) == (200, "done", None)
    assert sum(read.size_bytes for read in seen.reads) == len(response)


async def test_the_instants_of_a_stream_are_in_their_order() -> None:
    seen = await _one(answer(*[chunked(PLAIN)[n : n + 1] for n in range(len(chunked(PLAIN)))]))
    order = [seen.due_ns, seen.connect_ns, seen.connected_ns, seen.request_ns, seen.first_byte_ns, seen.headers_ns]
    instants = [instant for instant in [*order, seen.end_ns] if instant is not None]
    assert len(instants) == 7
    assert instants == sorted(instants)
    assert all(early.read_ns <= late.read_ns for early, late in pairwise(seen.reads))
    for chunk in seen.chunks:
        assert seen.reads[chunk.read_index - 1].read_ns <= chunk.arrival_ns


async def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host, port = bound.getsockname()
        (seen,) = (await _visit((host, port))).streams
    assert (seen.completion, seen.status, seen.reads) == ("error", None, [])
    assert seen.error == f"connecting to {host}:{port}: Connection refused"
    assert seen.end_ns is not None


async def test_a_reset_in_the_middle_keeps_what_came() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await request(stream)
        await stream.send_all(chunked(PLAIN[:2], end=False))
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset

    seen = await _one(serve)
    assert (_texts(seen), seen.completion) == (TEXTS[:2], "reset")
    assert seen.error is not None
    assert "reset by peer" in seen.error


ENDINGS = {
    "inside an event": (until_close([*PLAIN[:2], b"data: half"]), TEXTS[:2], "truncated"),
    "between events": (until_close(PLAIN[:2]), TEXTS[:2], "closed"),
    "inside the transfer-coding": (chunked(PLAIN[:2], end=False), TEXTS[:2], "truncated"),
    "inside the head": (HEAD, [], "truncated"),
    "without a word": (b"", [], "truncated"),
    "after all that was planned": (chunked(PLAIN, end=False), TEXTS, "done"),
}


@pytest.mark.parametrize(("response", "texts", "completion"), ENDINGS.values(), ids=ENDINGS)
async def test_a_connection_closed_early(response: bytes, texts: list[str], completion: str) -> None:
    seen = await _one(answer(response))
    assert (_texts(seen), seen.completion, seen.error) == (texts, completion, None)


async def test_an_answer_that_stops_coming_ends_at_the_time_limit_with_what_it_has() -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await request(stream)
        await stream.send_all(chunked(PLAIN[:2], end=False))
        await trio.sleep_forever()

    seen = await _one(serve, timeout_s=0.3)
    assert (_texts(seen), seen.completion) == (TEXTS[:2], "timeout")
    assert seen.end_ns is not None
    assert seen.end_ns >= seen.chunks[-1].arrival_ns


async def test_a_server_that_never_answers() -> None:
    async def serve(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    seen = await _one(serve, timeout_s=0.1)
    assert (seen.completion, seen.first_byte_ns, seen.reads) == ("timeout", None, [])
    assert seen.request_ns is not None


async def test_not_found_is_a_status_and_no_chunk() -> None:
    response = b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nno\n"
    seen = await _one(answer(response))
    assert (seen.status, seen.completion, seen.chunks) == (404, "closed", [])


async def test_what_is_no_http_is_an_error_in_words() -> None:
    seen = await _one(answer(b"SSH-2.0-OpenSSH\r\n\r\n"))
    assert seen.completion == "error"
    assert seen.error is not None
    assert "check that the port speaks HTTP/1.1" in seen.error
    assert seen.reads == []


async def test_reuse_measures_the_last_request_of_its_connection() -> None:
    heads: list[bytes] = []
    connections = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal connections
        connections += 1
        while head := await request(stream):
            heads.append(head)
            await stream.send_all(chunked(PLAIN))

    seen = await _one(serve, reuse=3)
    label = f"{STREAM_LABEL}: 1\r\n".encode()
    assert [label in head for head in heads] == [False, False, True]
    assert connections == 1
    assert (seen.connection, seen.request, _texts(seen)) == (1, 3, TEXTS)
    assert sum(read.size_bytes for read in seen.reads) == len(chunked(PLAIN))
    assert seen.reads[0].offset == 0


async def test_a_connection_that_does_not_last_fails_its_reuse_by_name() -> None:
    seen = await _one(answer(chunked(PLAIN, end=False)), reuse=2)
    assert (seen.completion, seen.chunks) == ("error", [])
    assert seen.error is not None
    assert "request 1 of 2" in seen.error


async def test_more_requests_than_streams() -> None:
    labels: list[bytes] = []
    now = most = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        head = await request(stream)
        labels.append(head.partition(f"{STREAM_LABEL}: ".encode())[2].split(b"\r\n")[0])
        await stream.send_all(chunked(PLAIN))
        await request(stream)  # until the client closes
        now -= 1

    async with server(serve) as address:
        record = await _visit(address, streams=2, requests=5)
    assert most <= 2
    assert sorted(labels) == [b"1", b"2", b"3", b"4", b"5"]
    assert [seen.stream for seen in record.streams] == [1, 2, 3, 4, 5]
    assert sorted(seen.connection for seen in record.streams) == [1, 2, 3, 4, 5]
    assert {seen.completion for seen in record.streams} == {"done"}


async def test_an_open_loop_counts_the_wait_for_a_free_stream() -> None:
    """Requests are due by the clock; that the one stream is busy delays the request and not its due time."""
    gate = trio.Event()

    async def serve(stream: trio.SocketStream) -> None:
        await request(stream)
        await gate.wait()
        await stream.send_all(chunked(PLAIN))

    async with server(serve) as address, trio.open_nursery() as nursery:

        async def open_late() -> None:
            await trio.sleep(0.05)
            gate.set()

        nursery.start_soon(open_late)
        first, second = (await _visit(address, streams=1, requests=2, arrivals="staggered:1ms")).streams
    assert second.due_ns - first.due_ns == 1_000_000
    assert first.end_ns is not None
    assert second.connect_ns is not None
    assert second.due_ns < first.end_ns <= second.connect_ns


async def test_small_reads_cut_events() -> None:
    response = chunked(PLAIN)
    seen = await _one(answer(response), read_size="5B")
    assert {read.size_bytes for read in seen.reads} <= set(range(1, 6))
    assert len(seen.reads) >= len(response) / 5
    assert _texts(seen) == TEXTS
    for early, late in pairwise(seen.reads):
        assert early.offset is not None
        assert late.offset == early.offset + early.size_bytes


async def test_a_slow_reader_pauses_before_each_read() -> None:
    seen = await _one(answer(chunked(PLAIN)), read_size="40B", read_delay="3ms")
    assert len(seen.reads) > 1
    assert min(late.read_ns - early.read_ns for early, late in pairwise(seen.reads)) >= 2_900_000


@linux_only
async def test_knobs_of_the_receiver_are_set_and_read_back() -> None:
    async with server(answer(chunked(PLAIN))) as address:
        record = await _visit(address, rcvbuf="8KiB", window_clamp="4KiB", quickack="off")
    assert record.sockets["SO_RCVBUF"] == (8192, 16_384)
    assert record.sockets["TCP_WINDOW_CLAMP"] == (4096, 4096)
    asked, got = record.sockets["TCP_CONGESTION"]
    assert asked == got != ""
    assert record.sockets["TCP_NODELAY"] == (1, 1)


async def test_a_knob_that_is_not_set_is_read_all_the_same() -> None:
    async with server(answer(chunked(PLAIN))) as address:
        asked, got = (await _visit(address)).sockets["SO_RCVBUF"]
    assert asked is None
    assert isinstance(got, int)
    assert got > 0


@linux_only
async def test_the_kernel_stamped_a_segment_before_it_was_read() -> None:
    """The first socket that asks only sets the machine on to stamp, so the first reads may be without."""
    for _ in range(100):
        seen = await _one(answer(chunked(PLAIN)))
        stamped = [read for read in seen.reads if read.stamp_ns is not None]
        if stamped:
            break
    assert stamped
    assert seen.connect_ns is not None
    for read in stamped:
        assert read.stamp_ns is not None
        assert seen.connect_ns < read.stamp_ns <= read.read_ns
