"""A client that follows the rules of `lab.wire.event_source` over the standard library's HTTP, and nothing beyond them."""

import http.client
import time
from dataclasses import dataclass, field

from lab.wire import event_source
from lab.wire.sse import Event


@dataclass
class EventSource:
    """`drop_after`: cut the n-th connection after so many events, as a bad network would."""

    port: int
    target: str = "/events"
    drop_after: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    rules: event_source.EventSource = field(default_factory=event_source.EventSource)

    def run(self) -> None:
        """Until the server says that it is over."""
        self._connect()
        while (wait_ms := self.rules.ended()) is not None:
            time.sleep(wait_ms / 1000 / 100)  # a hundredth, to keep the test short; the order is what counts
            self._connect()

    def _connect(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store", **self.rules.request_fields()}
        connection.request("GET", self.target, headers=headers)
        response = connection.getresponse()
        self.statuses.append(response.status)
        if self.rules.answered(response.status, response.getheader("content-type")):
            self._read(response)
        response.close()
        connection.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        limit = self.drop_after.pop(0) if self.drop_after else None
        decoder, count = self.rules.decoder(), 0
        while data := response.read1():
            for event in decoder.feed(data):
                if count == limit:
                    return
                count += 1
                self.events.append(event)
                self.rules.heard(event.id, decoder.retry_ms)
            self.rules.heard(decoder.last_event_id, decoder.retry_ms)
