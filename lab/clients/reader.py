"""From the bytes of a read to rows of a record: de-frame, decode, classify. Sans-IO: `read_ns` and the clock are given.

The rule: nothing here happens before the read was stamped, so a slow decoder can only show as its own stage. All chunks that
one read completes share one arrival: the gaps between them are zero, as they are for whoever renders them.
"""

from collections.abc import Callable

from lab.clients.answers import KEPT_BYTES, Ended, conclude
from lab.clients.content import Content
from lab.errors import ProtocolError
from lab.trace.records import ChunkRow, Completion, ReadRow, StreamSeen
from lab.wire.event_source import EventSource, ReadyState
from lab.wire.response import Ending
from lab.wire.stream import StreamReader, begun_body


class ResponseWatcher:
    """Feeds one response into one record."""

    def __init__(
        self, seen: StreamSeen, content: Content, clock: Callable[[], int], source: EventSource | None = None
    ) -> None:
        """`source`: of a reader that comes back; it is told what it must know for that."""
        self._seen = seen
        self._reader = StreamReader(source.decoder() if source else None)
        self._content = content
        self._clock = clock
        self._source = source
        self._offset = 0
        self._beginning = b""

    @property
    def complete(self) -> bool:
        """The response is over, and its connection may carry another."""
        return self._reader.response.complete

    @property
    def over(self) -> bool:
        """Nothing more is to be read: it is complete or too much, or its reader has what it wanted or will not have it."""
        done_with = self._source is not None and self._source.state is ReadyState.CLOSED
        return self.complete or done_with or self._content.stopped is not None

    def read(self, data: bytes, read_ns: int, stamp_ns: int | None) -> bool:
        """Take in one read; whether more is to be read. Raises ProtocolError when the bytes are none that `source` takes."""
        seen = self._seen
        arrived = self._reader.feed(data)
        arrival_ns = self._clock()
        if seen.headers_ns is None:
            self._take_head(read_ns)
        seen.reads.append(ReadRow(self._offset, len(data), stamp_ns, read_ns))
        self._offset += len(data)
        if not seen.chunks:
            self._beginning += data[: KEPT_BYTES - len(self._beginning)]
        for event, end_offset, emit_ns in arrived:
            text = self._content.chunk_text(event.data, event.id)
            if text is not None:
                seen.chunks.append(ChunkRow(end_offset, text, arrival_ns, len(seen.reads), emit_ns))
        seen.error = self._content.error
        if self._source is not None:
            self._tell(self._source)
        return not self.over

    def _take_head(self, read_ns: int) -> None:
        seen, response = self._seen, self._reader.response
        if seen.first_byte_ns is None:
            seen.first_byte_ns = read_ns
        if response.status is None:
            return
        seen.headers_ns, seen.status = read_ns, response.status
        if self._source is None:
            return
        self._source.answered(response.status, dict(response.headers).get("content-type"))
        if self._source.failure is not None:
            raise ProtocolError(self._source.failure)

    def _tell(self, source: EventSource) -> None:
        source.heard(self._reader.decoder.last_event_id, self._reader.decoder.retry_ms)
        if self._content.done:  # what an application does: else it would be back for the end of a connection
            source.close()

    def completion(self) -> Completion:
        """How the response ended, once it is over or its connection has closed; why it is none goes into the record."""
        response = self._reader.response
        clean = self.complete or response.end_of_input() is Ending.CLEAN
        told_to_stop = self._source is not None and self._source.told_to_stop
        pending = self._reader.decoder.pending
        return conclude(
            self._seen,
            self._content,
            Ended(clean, pending, response.headers, begun_body(self._beginning), told_to_stop),
        )
