"""How a response ended that was read as far as it came, and in one sentence what keeps it from being a stream. Sans-IO.

The rule: a status, a page, an empty stream or an error inside of it is named for what it is, with the beginning of what was
said; the same for every kind of client.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.harmless import one_line
from lab.clients.content import Content
from lab.trace.records import Completion, StreamSeen

# So much of an answer's beginning is worth keeping until it is clear that it is a stream: a head, and what stands below it.
KEPT_BYTES = 8 * 1024


@dataclass(frozen=True)
class Ended:
    """A response as its end found it. `clean`: as HTTP announced it; `pending`: inside an event.

    `headers` with lower-case names; `body`: as far as it was kept. `told_to_stop`: 204, to a reader that comes back.
    """

    clean: bool
    pending: bool
    headers: Sequence[tuple[str, str]]
    body: bytes
    told_to_stop: bool = False


def conclude(seen: StreamSeen, content: Content, ended: Ended) -> Completion:
    """The completion; `seen.error` says why this is no measurement, if it is none."""
    if content.error is not None:
        seen.error = content.error
        return "error"
    if content.stopped is not None:
        seen.error = content.stopped
        return "stopped"
    if content.done:
        return "done"
    if ended.told_to_stop:
        return "closed"
    if not ended.clean:
        return "truncated"
    seen.error = _refusal(seen, ended)
    if seen.error is None and ended.pending:
        return "truncated"
    if seen.error is None and not seen.chunks:
        seen.error = f"the event stream ended without a chunk{beginning(ended.body)}"
    return "closed"


def _refusal(seen: StreamSeen, ended: Ended) -> str | None:
    """What stands in the place of an event stream, or None."""
    if seen.status is None or not 200 <= seen.status < 300:
        return f"answered with status {seen.status}{beginning(ended.body)}"
    kind = dict(ended.headers).get("content-type", "no content type")
    if seen.chunks or kind.partition(";")[0].strip().lower() == "text/event-stream":
        return None
    return f"answered with {one_line(kind)} and not with text/event-stream{beginning(ended.body)}"


def fail(seen: StreamSeen, error: Exception, completion: Completion) -> None:
    """What was read ended in an exception. An error that the stream itself had told of comes first."""
    if seen.error is None:
        seen.completion, seen.error = completion, str(error)
    else:
        seen.completion = "error"


def gave_up(timeout_s: float) -> str:
    """Of a stream that was not over in time."""
    return f"gave up after {timeout_s:.3g} s"


def beginning(body: bytes) -> str:
    """What a body begins with, to stand behind the words that say what it is."""
    text = one_line(body.decode("utf-8", "replace"))
    return f": {text}" if text else ", with an empty body"
