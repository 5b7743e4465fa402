"""So many streams at once, each taking the next request that is due: the same for every client that runs under Trio.

The rule: a request keeps the instant at which it was due, however long it had to wait for a stream that was free.
"""

import time
from collections.abc import Awaitable, Callable

import trio

from lab.clients.answers import fail, gave_up
from lab.clients.schedule import due_offsets_ns
from lab.clients.visit import Visit
from lab.errors import ProtocolError
from lab.trace.records import Completion, StreamSeen

Attempt = Callable[[StreamSeen], Awaitable[Completion]]
"""Makes one measured request and fills in the record. May raise OSError and ProtocolError."""


async def visit_all(visit: Visit, attempt: Attempt) -> list[StreamSeen]:
    """All measured requests of the visit, in order of their numbers."""
    seen: list[StreamSeen] = []
    start_ns = time.monotonic_ns()
    dues = enumerate(due_offsets_ns(visit.spec, visit.seed), start=1)
    with trio.move_on_after(visit.timeout_s):
        async with trio.open_nursery() as nursery:
            for _ in range(visit.spec.streams):
                nursery.start_soon(_work, dues, start_ns, attempt, seen)
    now_ns = time.monotonic_ns()
    for stream in seen:
        if stream.completion is None:
            stream.completion, stream.end_ns = "timeout", now_ns
            stream.error = stream.error or gave_up(visit.timeout_s)
    return sorted(seen, key=lambda stream: stream.stream)


async def _work(dues: "enumerate[int | None]", start_ns: int, attempt: Attempt, all_seen: list[StreamSeen]) -> None:
    """One stream after the other: each takes the next request that nobody has taken."""
    for number, offset_ns in dues:
        now_ns = time.monotonic_ns()
        due_ns = now_ns if offset_ns is None else start_ns + offset_ns
        await trio.sleep(max(0, due_ns - now_ns) / 1e9)
        seen = StreamSeen(stream=number, due_ns=due_ns)
        all_seen.append(seen)
        try:
            seen.completion = await attempt(seen)
        except (OSError, ProtocolError) as error:
            fail(seen, error, "reset" if isinstance(error, ConnectionResetError) else "error")
        seen.end_ns = time.monotonic_ns()
