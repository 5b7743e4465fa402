"""From the bytes of a read to rows of a record: de-frame, decode, classify. Sans-IO: `read_ns` and the clock are given.

The rule: nothing here happens before the read was stamped, so a slow decoder can only show as its own stage. All chunks that
one read completes share one arrival: the gaps between them are zero, as they are for whoever renders them.
"""

from collections.abc import Callable

from lab.model.workload import WorkloadSpec
from lab.trace.records import ChunkRow, Completion, ReadRow, StreamSeen
from lab.wire.openai import FrameKind, read_frame
from lab.wire.response import Ending
from lab.wire.sse import Event
from lab.wire.stream import StreamReader

_DONE = "[DONE]"


class ResponseWatcher:
    """Feeds one response into one record."""

    def __init__(
        self, seen: StreamSeen, workload: WorkloadSpec, clock: Callable[[], int], *, chunks_known: bool = True
    ) -> None:
        """`chunks_known`: the workload is the server's own, so that its last planned chunk is an end too."""
        self._seen = seen
        self._reader = StreamReader()
        self._openai = workload.format == "openai"
        self._chunks_expected = workload.chunks if chunks_known else None
        self._clock = clock
        self._end_seen = False
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
        for event, end_offset, emit_ns in ((each.event, each.end_offset, each.emit_ns) for each in arrived):
            text = self._chunk_text(event)
            if text is not None:
                seen.chunks.append(ChunkRow(end_offset, text, arrival_ns, len(seen.reads), emit_ns))

    def completion(self) -> Completion:
        """How the response ended, once it is complete or its connection has closed."""
        planned = self._chunks_expected is not None and len(self._seen.chunks) >= self._chunks_expected
        if self._end_seen or planned:
            return "done"
        return "closed" if self.complete or self._reader.end_of_input() is Ending.CLEAN else "truncated"

    def _chunk_text(self, event: Event) -> str | None:
        """The text of a chunk; None for frames that carry none. Notes the end where it is announced."""
        if event.data == _DONE:
            self._end_seen = True
            return None
        if not self._openai:
            return event.data
        frame = read_frame(event.data)
        if frame.finish_reason is not None:  # some servers send it with the last content
            self._end_seen = True
        return frame.text if frame.kind is FrameKind.CONTENT else None
