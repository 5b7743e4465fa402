"""From the bytes of a read to rows of a record: de-frame, decode, classify. Sans-IO: `read_ns` and the clock are given.

The rule: nothing here happens before the read was stamped, so a slow decoder can only show as its own stage. All chunks that
one read completes share one arrival: the gaps between them are zero, as they are for whoever renders them.
"""

from collections.abc import Callable

from lab.clients.answers import KEPT_BYTES, Ended, conclude
from lab.clients.content import Content
from lab.trace.records import ChunkRow, Completion, ReadRow, StreamSeen
from lab.wire.response import Ending, ResponseReader
from lab.wire.stream import StreamReader


class ResponseWatcher:
    """Feeds one response into one record."""

    def __init__(self, seen: StreamSeen, content: Content, clock: Callable[[], int]) -> None:
        self._seen = seen
        self._reader = StreamReader()
        self._content = content
        self._clock = clock
        self._offset = 0
        self._beginning = b""

    @property
    def complete(self) -> bool:
        """The response is over, and its connection may carry another."""
        return self._reader.response.complete

    @property
    def over(self) -> bool:
        """Nothing more is to be read: the response is complete, or has become too much."""
        return self.complete or self._content.stopped is not None

    def read(self, data: bytes, read_ns: int, stamp_ns: int | None) -> bool:
        """Take in one read; whether more of the response is to come. Raises ProtocolError when the bytes are none."""
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
            text = self._content.chunk_text(event.data)
            if text is not None:
                seen.chunks.append(ChunkRow(end_offset, text, arrival_ns, len(seen.reads), emit_ns))
        seen.error = self._content.error
        return not self.over

    def _take_head(self, read_ns: int) -> None:
        if self._seen.first_byte_ns is None:
            self._seen.first_byte_ns = read_ns
        if self._reader.response.status is not None:
            self._seen.headers_ns, self._seen.status = read_ns, self._reader.response.status

    def completion(self) -> Completion:
        """How the response ended, once it is over or its connection has closed; why it is none goes into the record."""
        response = self._reader.response
        clean = self.complete or response.end_of_input() is Ending.CLEAN
        body = b"".join(piece.data for piece in ResponseReader().feed(self._beginning))
        return conclude(self._seen, self._content, Ended(clean, self._reader.decoder.pending, response.headers, body))
