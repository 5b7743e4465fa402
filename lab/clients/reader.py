"""From the bytes of a read to rows of a record: de-frame, decode, classify. Sans-IO: `read_ns` and the clock are given.

The rule: nothing here happens before the read was stamped, so a slow decoder can only show as its own stage. All chunks that
one read completes share one arrival: the gaps between them are zero, as they are for whoever renders them.
"""

from collections.abc import Callable

from lab.clients.content import Content
from lab.trace.records import ChunkRow, Completion, ReadRow, StreamSeen
from lab.wire.response import Ending
from lab.wire.stream import StreamReader


class ResponseWatcher:
    """Feeds one response into one record."""

    def __init__(self, seen: StreamSeen, content: Content, clock: Callable[[], int]) -> None:
        self._seen = seen
        self._reader = StreamReader()
        self._content = content
        self._clock = clock
        self._offset = 0

    @property
    def complete(self) -> bool:
        """The response is over, and its connection may carry another."""
        return self._reader.response.complete

    def read(self, data: bytes, read_ns: int, stamp_ns: int | None) -> None:
        """Take in one read. Raises ProtocolError when the bytes are not a response."""
        seen = self._seen
        arrived = self._reader.feed(data)
        arrival_ns = self._clock()
        if seen.first_byte_ns is None:
            seen.first_byte_ns = read_ns
        if seen.headers_ns is None and self._reader.response.status is not None:
            seen.headers_ns, seen.status = read_ns, self._reader.response.status
        seen.reads.append(ReadRow(self._offset, len(data), stamp_ns, read_ns))
        self._offset += len(data)
        for each in arrived:
            text = self._content.chunk_text(each.event.data)
            if text is not None:
                seen.chunks.append(ChunkRow(each.end_offset, text, arrival_ns, len(seen.reads), each.emit_ns))

    def completion(self) -> Completion:
        """How the response ended, once it is complete or its connection has closed."""
        if self._content.done:
            return "done"
        return "closed" if self.complete or self._reader.end_of_input() is Ending.CLEAN else "truncated"
