"""Readers that come back as an EventSource does, on the real loopback: each connection answers its line of a script."""

import socket
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import trio

from lab.clients import kinds
from lab.clients.visit import Visit
from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.workload import WorkloadSpec
from lab.trace.records import StreamSeen
from tests.clients.peer import request, server

PATIENCE_S = 30.0
KINDS = ("raw", "httpx", "httpx-sse")

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
PAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\ndata: a\n\n"
BUSY = b"HTTP/1.1 503 Busy\r\ncontent-type: text/event-stream\r\ncontent-length: 9\r\n\r\ndata: a\n\n"
STOP = b"HTTP/1.1 204 No Content\r\n\r\n"
RETRY = b"retry: 1\n\n"


def event(text: str, number: int | None = None) -> bytes:
    return b"".join((b"" if number is None else b"id: %d\n" % number, b"data: %s\n\n" % text.encode()))


class Line(NamedTuple):
    """What one connection answers, and how it ends."""

    response: bytes
    reset: bool = False


class Came(NamedTuple):
    """What came of a stream: texts by response, Last-Event-ID by request, and its record."""

    texts: list[list[str]]
    asked: list[str | None]
    at_s: list[float]
    seen: StreamSeen


async def visit(
    kind: str, lines: Sequence[Line], chunks: int = 4, timeout_s: float = PATIENCE_S, **client: Any
) -> Came:
    """One stream of `chunks` planned chunks; after the script's last line the server holds its peace."""
    asked: list[str | None] = []
    at_s: list[float] = []
    script = iter(lines)

    async def serve(stream: trio.SocketStream) -> None:
        head = (await request(stream)).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        asked.append(fields.get("last-event-id"))
        at_s.append(trio.current_time())
        line = next(script, None)
        if line is None:
            await trio.sleep_forever()
        await stream.send_all(line.response)
        if line.reset:
            await trio.sleep(0.02)  # what was sent before is read before
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    spec = ClientSpec.model_validate({"kind": kind, "reconnect": True, **client})
    workload = WorkloadSpec.model_validate({"chunks": chunks})
    async with server(serve) as address:
        with trio.fail_after(2 * PATIENCE_S):
            record = await kinds.runner(kind)(Visit(address, spec, workload, RequestSpec(), "1/1", timeout_s))
    (seen,) = record.streams
    texts = [[chunk.text for chunk in each.chunks] for each in (seen, *seen.returns)]
    return Came(texts, asked, at_s, seen)


ONE_TWO = STREAM + RETRY + event("a", 1) + event("b", 2)

# Script → texts by response, Last-Event-ID by request, completion.
STORIES: dict[str, tuple[list[Line], list[list[str]], list[str | None], str]] = {
    "uncut": (
        [Line(STREAM + b"".join(event(text, n) for n, text in enumerate("abcd", 1)))],
        [["a", "b", "c", "d"]], [None], "done",
    ),
    "resumed after a reset": (
        [Line(ONE_TWO, reset=True), Line(STREAM + event("c", 3) + event("d", 4))],
        [["a", "b"], ["c", "d"]], [None, "2"], "done",
    ),
    "resumed after a clean end": (
        [Line(ONE_TWO), Line(STREAM + event("c", 3) + event("d", 4))],
        [["a", "b"], ["c", "d"]], [None, "2"], "done",
    ),
    "an event that was cut does not count": (
        [Line(ONE_TWO + b"id: 3\ndata: c\n"), Line(STREAM + event("c", 3) + event("d", 4))],
        [["a", "b"], ["c", "d"]], [None, "2"], "done",
    ),
    "without ids all comes again": (
        [Line(STREAM + RETRY + event("a") + event("b"), reset=True), Line(STREAM + b"".join(map(event, "abcd")))],
        [["a", "b"], ["a", "b", "c", "d"]], [None, None], "done",
    ),
    "a live feed has gone on": (
        [Line(ONE_TWO, reset=True), Line(STREAM + event("d", 4))],
        [["a", "b"], ["d"]], [None, "2"], "done",
    ),
    "cut again and again": (
        [Line(STREAM + RETRY + event(text, n), reset=n % 2 == 0) for n, text in enumerate("abcd", 1)],
        [["a"], ["b"], ["c"], ["d"]], [None, "1", "2", "3"], "done",
    ),
    "lost before an answer": (
        [Line(ONE_TWO), Line(b""), Line(STREAM[:30]), Line(STREAM + event("c", 3) + event("d", 4))],
        [["a", "b"], [], [], ["c", "d"]], [None, "2", "2", "2"], "done",
    ),
    "204 stops": ([Line(ONE_TWO), Line(STOP)], [["a", "b"], []], [None, "2"], "closed"),
    "204 at once": ([Line(STOP)], [[]], [None], "closed"),
    "a page fails": ([Line(PAGE)], [[]], [None], "error"),
    "a page instead of the rest fails": ([Line(ONE_TWO), Line(PAGE)], [["a", "b"], []], [None, "2"], "error"),
    "an error fails": ([Line(ONE_TWO), Line(BUSY)], [["a", "b"], []], [None, "2"], "error"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("story", STORIES)
async def test_what_a_reader_does_and_what_it_has_in_the_end(story: str, kind: str) -> None:
    lines, texts, asked, completion = STORIES[story]
    came = await visit(kind, lines)
    assert came.texts == texts
    assert came.asked == asked
    assert came.seen.completion == completion
    assert (came.seen.error is not None) is (completion == "error")
    assert "it fails and does not come back" in (came.seen.error or "it fails and does not come back")
    requests = [came.seen, *came.seen.returns]
    assert [each.connection for each in requests] == list(range(1, len(requests) + 1))
    begun_ns = [each.request_ns or 0 for each in requests]
    assert begun_ns == sorted(begun_ns)
    assert came.seen.end_ns is not None
    assert came.seen.end_ns >= begun_ns[-1]


@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_not_told_to_does_not_come_back(kind: str) -> None:
    came = await visit(kind, [Line(ONE_TWO), Line(STREAM)], reconnect=False)
    assert (came.texts, came.asked, came.seen.completion) == ([["a", "b"]], [None], "closed")


@pytest.mark.parametrize("kind", KINDS)
async def test_the_time_that_the_stream_asked_for_is_waited(kind: str) -> None:
    """By the server's own clock, and by what differs: the first pause is longer than all that is not waiting."""
    lines = [Line(STREAM + b"retry: 400\n\n" + event("a", 1)), Line(STREAM + b"retry: 0\n\n" + event("b", 2))]
    came = await visit(kind, [*lines, Line(STREAM + event("c", 3)), Line(STOP)])
    first, second, third = (late - early for early, late in zip(came.at_s, came.at_s[1:], strict=False))
    assert first >= 0.4
    assert second < first
    assert third < first


async def test_without_a_word_of_it_browsers_wait_three_seconds_and_so_does_this(autojump_clock: Any) -> None:
    """Needs no socket: the clock jumps over every wait."""
    from lab.clients.pool import visit_all
    from lab.trace.records import Completion
    from lab.wire.event_source import EventSource

    begun_s: list[float] = []

    async def attempt(_seen: StreamSeen, _source: EventSource | None) -> Completion:
        begun_s.append(trio.current_time())
        raise ConnectionRefusedError("nobody there")

    spec = ClientSpec(reconnect=True)
    visit = Visit(("127.0.0.1", 1), spec, WorkloadSpec(), RequestSpec(), "1/1", timeout_s=10.0)
    (seen,) = await visit_all(visit, attempt)
    assert [at - begun_s[0] for at in begun_s] == pytest.approx([0, 3, 6, 9])
    assert (seen.completion, seen.error, len(seen.returns)) == ("timeout", "nobody there", 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_visits_time_limit_bounds_it(kind: str) -> None:
    for timeout_s in (0.5, 3.0):  # on a machine that is busy, half a second may be over before the first letter
        came = await visit(kind, [Line(ONE_TWO)], timeout_s=timeout_s)
        if came.seen.returns:
            break
    assert (came.texts[0], came.seen.completion) == (["a", "b"], "timeout")
    assert came.seen.end_ns is not None
