"""So many streams at once, each taking the next request that is due: the same for every client that runs under Trio.

The rule: a request keeps the instant at which it was due, however long it had to wait for a stream that was free. A reader
that comes back does so as `lab.wire.event_source` says, until its application has what it wanted or its time is up.
"""

import time
from collections.abc import Awaitable, Callable

import trio

from lab.clients.answers import fail, gave_up
from lab.clients.schedule import due_offsets_ns
from lab.clients.visit import Visit
from lab.errors import ProtocolError
from lab.trace.records import Completion, StreamSeen
from lab.wire.event_source import EventSource

Attempt = Callable[[StreamSeen, EventSource | None], Awaitable[Completion]]
"""Makes one measured request, fills in the record and tells the source, if any. May raise OSError and ProtocolError."""


async def visit_all(visit: Visit, attempt: Attempt) -> list[StreamSeen]:
    """All measured requests of the visit, in order of their numbers."""
    seen: list[StreamSeen] = []
    start_ns = time.monotonic_ns()
    dues = enumerate(due_offsets_ns(visit.spec, visit.seed), start=1)
    with trio.move_on_after(visit.timeout_s):
        async with trio.open_nursery() as nursery:
            for _ in range(visit.spec.streams):
                nursery.start_soon(_work, visit.spec.reconnect, dues, start_ns, attempt, seen)
    now_ns = time.monotonic_ns()
    for stream in seen:
        if stream.completion is None:
            stream.completion, stream.end_ns = "timeout", now_ns
            stream.error = stream.error or gave_up(visit.timeout_s)
    return sorted(seen, key=lambda stream: stream.stream)


async def _work(
    reconnect: bool, dues: "enumerate[int | None]", start_ns: int, attempt: Attempt, all_seen: list[StreamSeen]
) -> None:
    """One stream after the other: each takes the next request that nobody has taken."""
    for number, offset_ns in dues:
        now_ns = time.monotonic_ns()
        due_ns = now_ns if offset_ns is None else start_ns + offset_ns
        await trio.sleep(max(0, due_ns - now_ns) / 1e9)
        seen = StreamSeen(stream=number, due_ns=due_ns)
        all_seen.append(seen)
        await (_coming_back(attempt, seen) if reconnect else _ask(attempt, seen, None))
        seen.end_ns = time.monotonic_ns()


async def _coming_back(attempt: Attempt, seen: StreamSeen) -> None:
    """Every request of one stream, and how the last of them ended."""
    source, request = EventSource(), seen
    while True:
        await _ask(attempt, request, source)
        seen.completion, seen.error = request.completion, request.error
        wait_ms = source.ended()
        if wait_ms is None:
            return
        seen.completion = None  # not over; the error is told if the time is up before it gets any further
        await trio.sleep(wait_ms / 1000)
        request = StreamSeen(stream=seen.stream, due_ns=time.monotonic_ns())
        seen.returns.append(request)


async def _ask(attempt: Attempt, seen: StreamSeen, source: EventSource | None) -> None:
    """One request, and how it ended."""
    try:
        seen.completion = await attempt(seen, source)
    except (OSError, ProtocolError) as error:
        fail(seen, error, "reset" if isinstance(error, ConnectionResetError) else "error")
