"""A client that follows the rules of EventSource (WHATWG HTML, section 9.2.2 and 9.2.3), and nothing beyond them.

A response that ends is followed by another request after the reconnection time, with the last event ID; any status but 200,
204 among them, fails the connection for good.
"""

import http.client
import time
from dataclasses import dataclass, field

from lab.wire.sse import Decoder, Event


@dataclass
class EventSource:
    """`drop_after`: cut the n-th connection after so many events, as a bad network would."""

    port: int
    target: str = "/events"
    drop_after: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    last_event_id: str = ""
    retry_ms: int = 3000

    def run(self) -> None:
        """Until the server says that it is over."""
        while self._connect():
            time.sleep(self.retry_ms / 1000 / 100)  # a hundredth, to keep the test short; the order is what counts

    def _connect(self) -> bool:
        """One connection; whether to come back."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.last_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        connection.request("GET", self.target, headers=headers)
        response = connection.getresponse()
        self.statuses.append(response.status)
        if response.status != 200 or not (response.getheader("content-type") or "").startswith("text/event-stream"):
            connection.close()
            return False
        self._read(response)
        response.close()
        connection.close()
        return True

    def _read(self, response: http.client.HTTPResponse) -> None:
        limit = self.drop_after.pop(0) if self.drop_after else None
        decoder, count = Decoder(), 0
        while data := response.read1():
            for event in decoder.feed(data):
                if count == limit:
                    return
                count += 1
                self.events.append(event)
                self.last_event_id = event.id
            if decoder.retry_ms is not None:
                self.retry_ms = decoder.retry_ms
