"""When an EventSource reads on, comes back or gives up: the rules of its connections, without any connection.

The one rule: exactly what the WHATWG HTML standard says (9.2.2 and 9.2.3), of which this table is the whole:

    CONNECTING  status 200, text/event-stream   → OPEN         read on
    CONNECTING  any other answer                → CLOSED       fail: no further request (of 204 that is the meaning)
    CONNECTING  no answer: a network error      → CONNECTING   ask again after the reconnection time
    OPEN        the body ended, however it did  → CONNECTING   ask again after the reconnection time
    any         close()                         → CLOSED       the application has what it wanted

The reconnection time and the last event ID string are the stream's own words, handed in as the decoder has them. Chromium
differs in one thing: it does not forget the id when the next stream begins without one (tests/e2e/test_last_event_id.py). It
makes no request, waits for nothing and follows no redirect. It stands after a letter's journey has broken off.
"""

from enum import Enum

from lab.wire.sse import Decoder

# The standard leaves it to the client ("in the region of a few seconds"). Chromium's, event_source.cc.
DEFAULT_RECONNECTION_MS = 3_000

# A server may ask for any number of digits; a clock cannot wait for all of them. Whatever exceeds a day is for ever here.
_LONGEST_MS = 24 * 60 * 60 * 1_000

_NO_CONTENT = 204
_MIME_TYPE = "text/event-stream"


class ReadyState(Enum):
    """The values are those of the interface's `readyState`."""

    CONNECTING = 0
    OPEN = 1
    CLOSED = 2


class EventSource:
    """One EventSource across its connections. `failure` says why it failed; `told_to_stop`: by 204, which is no failure."""

    def __init__(self) -> None:
        self.state = ReadyState.CONNECTING
        self.failure: str | None = None
        self.told_to_stop = False
        self.last_event_id = ""
        self.reconnection_ms = DEFAULT_RECONNECTION_MS

    def request_fields(self) -> dict[str, str]:
        """What the next request carries beside what every one does. The value goes out as UTF-8."""
        return {"last-event-id": self.last_event_id} if self.last_event_id else {}

    def decoder(self) -> Decoder:
        """For the body of the next response."""
        return Decoder(last_event_id=self.last_event_id)

    def answered(self, status: int, content_type: str | None) -> bool:
        """The response's head came; returns whether its body is to be read. Parameters of the type do not matter."""
        essence = (content_type or "").partition(";")[0].strip().lower()
        if status == 200 and essence == _MIME_TYPE:
            self.state = ReadyState.OPEN
            return True
        self.state = ReadyState.CLOSED
        self.told_to_stop = status == _NO_CONTENT
        if not self.told_to_stop:
            what = f"status {status}" if status != 200 else content_type or "no Content-Type"
            self.failure = (
                f"an EventSource takes status 200 and {_MIME_TYPE}, not {what}: it fails and does not come back"
            )
        return False

    def heard(self, last_event_id: str, retry_ms: int | None) -> None:
        """What the decoder knows by now: its last event ID string, and the reconnection time, if the stream set one."""
        self.last_event_id = last_event_id
        if retry_ms is not None:
            self.reconnection_ms = min(retry_ms, _LONGEST_MS)

    def ended(self) -> int | None:
        """The response ended, or there was none; returns after how many ms to ask again, None for never."""
        if self.state is ReadyState.CLOSED:
            return None
        self.state = ReadyState.CONNECTING
        return self.reconnection_ms

    def close(self) -> None:
        """The application is done with it."""
        self.state = ReadyState.CLOSED
