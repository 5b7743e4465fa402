"""The browser client: the streams of a visit, read by the lab's own page in headless Chromium.

The rule: everything comes from the page's own record, as a reader's page would see it; the lab only says when to start and
maps the page's clock to its own. Kind `browser` reads with fetch and a ReadableStream, `browser-eventsource` with an
EventSource, which has an event's arrival but no reads. A browser keeps connections, and opens at most six to one server
at once: further streams wait for one of these. An EventSource comes back by itself; nobody asks it to.
"""

import functools
import time
from typing import Any

from lab.clients.browser.clock import PageClock
from lab.clients.browser.process import Browser, Record, Reply, open_browser
from lab.clients.browser.program import require
from lab.clients.pool import visit_all
from lab.clients.visit import Visit, authority
from lab.errors import ProtocolError, UsageError
from lab.model.request import RequestSpec
from lab.trace.records import ChunkRow, ClientRecord, Completion, ReadRow, StreamSeen
from lab.wire.event_source import EventSource

_TRANSPORTS = {"browser": "fetch", "browser-eventsource": "eventsource"}


async def run(visit: Visit) -> ClientRecord:
    """Do it. Raises UsageError for a request that a page does not make, CapabilityError, MeasurementError."""
    begin_ns = time.monotonic_ns()
    _check(visit)
    origin, rehearsal = f"http://{authority(visit.address)}", _rehearsal(visit.spec.kind)
    async with open_browser(require(), origin, rehearsal) as (browser, clock):
        setup_ns = time.monotonic_ns() - begin_ns
        seen = await visit_all(visit, functools.partial(_visit, visit, browser, clock))
    return ClientRecord(seen, {}, setup_ns, clock.error_ns)


def _check(visit: Visit) -> None:
    wanted = visit.request
    if wanted.method not in ("GET", "POST") or wanted.headers or wanted.body:
        raise UsageError(
            "reading streams in a browser: the page asks in its own way (POST with a prompt, or an EventSource): "
            "of [request] leave out method, headers and body"
        )


def _rehearsal(kind: str) -> dict[str, Any]:
    """A short stream on a connection of its own, which is not kept: fonts, first calls and compiled code are paid for."""
    path = {"browser": "/v1/chat/completions", "browser-eventsource": "/events"}[kind]
    query = "chunks=4&interval=1ms&first=0ms&framing=close&writes_per_chunk=1"
    return {"transport": _TRANSPORTS[kind], "path": f"{path}?{query}", "expected": 4, "prompt": "Rehearsal"}


async def _visit(
    visit: Visit, browser: Browser, clock: PageClock, seen: StreamSeen, _source: EventSource | None
) -> Completion:
    """One stream of the page. Raises ProtocolError for what the page could not read."""
    options = {
        "transport": _TRANSPORTS[visit.spec.kind],
        "path": None if visit.request.path == RequestSpec().path else visit.request.path,
        "label": seen.stream,
        "expected": visit.workload.chunks if visit.own_server else 0,
        "prompt": f"Stream {seen.stream}",
    }
    reply = Reply()
    try:
        await browser.read_stream(reply, options)
    finally:
        if reply.record is not None:
            fill(seen, reply.record, clock)
    assert reply.record is not None
    if reply.record["completion"] == "error":
        raise ProtocolError(f"reading {visit.url} in a browser: {reply.record['error']}")
    completion: Completion = reply.record["completion"]
    return completion


_INSTANTS = {
    "connectAt": "connect_ns",
    "connectedAt": "connected_ns",
    "requestAt": "request_ns",
    "firstByteAt": "first_byte_ns",
    "headersAt": "headers_ns",
}


def fill(seen: StreamSeen, record: Record, clock: PageClock) -> None:
    """The page's record (`page/stream.js` describes it) as a client's. Ports and offsets a page cannot know."""
    for name, column in _INSTANTS.items():
        at_ms = record[name]
        setattr(seen, column, None if at_ms is None else clock.at_ns(at_ms))
    seen.status = record["status"]
    seen.reads = [ReadRow(None, size_bytes, None, clock.at_ns(at_ms)) for size_bytes, at_ms in record["reads"]]
    seen.chunks = [_chunk(clock, *chunk) for chunk in record["chunks"]]
    seen.returns = [_return(seen.stream, each, clock) for each in record["returns"]]


def _return(stream: int, record: Record, clock: PageClock) -> StreamSeen:
    """The browser asks again some time after it has lost the response before; when, its page is not told."""
    lost_ns, headers_at = clock.at_ns(record["lostAt"]), record["headersAt"]
    return StreamSeen(
        stream=stream,
        due_ns=lost_ns,
        request_ns=lost_ns,
        headers_ns=None if headers_at is None else clock.at_ns(headers_at),
        chunks=[_chunk(clock, *chunk) for chunk in record["chunks"]],
    )


def _chunk(clock: PageClock, text: Any, at_ms: float, read_index: int | None) -> ChunkRow:
    return ChunkRow(None, text, clock.at_ns(at_ms), read_index or 0)
