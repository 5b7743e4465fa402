"""One stream read to its end, whatever end that is, and told as Locust's events while it comes.

The rule: a chunk is told when its read is recorded, so that Locust's page shows a stream while it runs. Must not import
Locust: whoever calls hands in how an event is fired.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lab.clients.answers import fail
from lab.clients.content import Content
from lab.clients.locust.connection import Connection, completion_of
from lab.clients.reader import ResponseWatcher
from lab.errors import ProtocolError
from lab.trace.records import StreamSeen
from lab.wire.event_source import EventSource

_NS_PER_MS = 1_000_000

Fire = Callable[[str, float, int, Exception | None], None]
"""Takes one event: "TTFC", "gap" or "stream", its time in ms, its bytes, and why it failed."""


class StreamFailed(Exception):
    """What Locust shows as the reason of a failed stream. Not raised."""


class Teller:
    """Tells a stream as events: TTFC (request's first byte to first chunk), each gap, and the stream when it is over."""

    def __init__(self, seen: StreamSeen, fire: Fire) -> None:
        self._seen = seen
        self._fire = fire
        self._told = 0
        self._last_ns: int | None = None

    def tell_chunks(self) -> None:
        """Those of the last response that were not told yet."""
        chunks = (self._seen.returns or [self._seen])[-1].chunks
        for chunk in chunks[self._told :]:
            before_ns = self._seen.request_ns or 0 if self._last_ns is None else self._last_ns
            waited_ms = (chunk.arrival_ns - before_ns) / _NS_PER_MS
            what = "TTFC" if self._last_ns is None else "gap"
            self._fire(what, waited_ms, len(chunk.text.encode(errors="replace")), None)
            self._last_ns = chunk.arrival_ns
        self._told = len(chunks)

    def comes_back(self) -> None:
        """Another response begins, the last one of `returns`."""
        self._told = 0

    def tell_end(self) -> None:
        """The whole stream, from the instant at which it began to connect, failed or not."""
        seen = self._seen
        begin_ns = seen.due_ns if seen.connect_ns is None else seen.connect_ns
        size_bytes = sum(read.size_bytes for each in (seen, *seen.returns) for read in each.reads)
        self._fire("stream", ((seen.end_ns or begin_ns) - begin_ns) / _NS_PER_MS, size_bytes, failure(seen))


def failure(seen: StreamSeen) -> StreamFailed | None:
    """Why a stream that is over counts as failed, or None."""
    if seen.completion == "closed" and seen.error is not None:
        # Without the body's beginning: Locust counts failures by their words, and an answer may name its own number.
        return StreamFailed(seen.error.partition(": ")[0])
    if seen.error is not None:
        return StreamFailed(seen.error)
    if seen.completion not in ("done", "closed"):
        return StreamFailed(f"the stream ended as {seen.completion}")
    return None


def read_stream(
    connection: Connection,
    request: bytes,
    seen: StreamSeen,
    content: Content,
    teller: Teller,
    source: EventSource | None = None,
) -> None:
    """Send the request, and read its response into `seen`. Raises OSError and ProtocolError."""
    watcher = ResponseWatcher(seen, content, time.monotonic_ns, source)
    for _ in connection.exchange(request, seen, watcher):
        teller.tell_chunks()
    seen.completion = watcher.completion()


@contextmanager
def ending(seen: StreamSeen) -> Iterator[None]:
    """Whatever ends the block is noted as the stream's end. What is no failure of a stream goes on."""
    try:
        yield
    except (OSError, ProtocolError) as error:
        fail(seen, error, completion_of(error))
    except BaseException:  # Locust ends a user by an exception that is none of Exception's
        seen.completion = seen.completion or "stopped"
        raise
    finally:
        seen.end_ns = time.monotonic_ns()
