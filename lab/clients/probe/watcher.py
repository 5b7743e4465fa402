"""From the bytes of a read to the record of a probe: response, content coding, events, and where each of them stood.

The rule: nothing here happens before the read was stamped, and all that one read completes has that one instant. Sans-IO:
`read_ns` is given. Bounded in bytes and in chunks, for a stranger's stream may have no end.
"""

import re
from collections.abc import Callable

from lab.analysis.arrivals import BodyRead, EndsIn, Letter
from lab.clients.probe.events import Interpreter, Meaning, is_damaged, whole_lines
from lab.clients.probe.record import ProbeRecord
from lab.model.capture import MAX_CHUNKS
from lab.trace.records import ChunkRow, Completion, ReadRow
from lab.wire.coding import Coding, Identity, coding
from lab.wire.response import Ending, Piece, ResponseReader
from lab.wire.sse import Decoder, Event

# Four events of 64 MiB; of the beginning so much is kept as shows what an answer is that is no event stream.
MAX_BYTES = 256 * 1024 * 1024
KEPT_BYTES = 4096
# Lines of an event that never ends are looked at in this much of it.
SAMPLE_BYTES = 64 * 1024

_DATA_LINE = re.compile(rb"[\r\n]data(?=[:\r\n])")
_DATA_LINE_BYTES = len(b"\ndata:")


class ProbeWatcher:
    """Feeds one response into one record; `on_text` is told of every chunk's text."""

    def __init__(self, record: ProbeRecord, method: str, on_text: Callable[[str], None]) -> None:
        self._record = record
        self._bodiless = method == "HEAD"
        self._on_text = on_text
        self._response = ResponseReader()
        self._coding: Coding = Identity()
        self._decoder = Decoder()
        self._interpreter = Interpreter()
        self._offset = 0
        self._body_bytes = 0
        self._frame: int | None = None
        self._frame_end = 0
        self._tail = b"\n"
        self._sample = bytearray()
        self._broken = False
        self.stopped: str | None = None

    @property
    def complete(self) -> bool:
        """Nothing more belongs to this response."""
        return self._response.complete or (self._bodiless and self._response.status is not None)

    def read(self, data: bytes, read_ns: int) -> None:
        """Take in one read. Raises ProtocolError when the bytes are not a response, or not in their coding."""
        seen = self._record.seen
        pieces = self._response.feed(data)
        if seen.first_byte_ns is None:
            seen.first_byte_ns = read_ns
        seen.reads.append(ReadRow(self._offset, len(data), None, read_ns))
        self._offset += len(data)
        if seen.status is None and self._response.status is not None:
            self._take_head(read_ns)
        if pieces and not self._bodiless:
            self._take_body(pieces, read_ns)
        if self._offset > MAX_BYTES:
            self.stopped = f"more than {MAX_BYTES >> 20} MiB came"

    def end(self) -> Completion:
        """How the response ended, once it is complete or its connection has closed."""
        record = self._record
        clean = self.complete or self._response.end_of_input() is Ending.CLEAN
        record.clean_end = clean and not self._decoder.pending
        if len(record.letters) <= 1 and self._sample:
            record.whole_lines = whole_lines(re.sub(r"(?m)^data: ?", "", self._sample.decode("utf-8", "replace")))
        if record.problem is not None:
            return "error"
        if record.done_marker or record.finish_reason is not None:
            return "done"
        if record.clean_end and not self._broken:
            return "closed"
        record.problem = self._cut_off(clean)
        return "truncated"

    def _take_head(self, read_ns: int) -> None:
        record, response = self._record, self._response
        record.seen.status, record.seen.headers_ns = response.status, read_ns
        record.headers = response.headers
        fields = dict(response.headers)
        self._coding = coding(fields.get("content-encoding", ""))
        kind = fields.get("content-type", "").partition(";")[0].strip().lower()
        record.streaming = response.status in range(200, 300) and kind in ("text/event-stream", "text/plain", "")
        if "transfer-encoding" in fields:
            self._frame = -1

    def _take_body(self, pieces: list[Piece], read_ns: int) -> None:
        record, begin = self._record, self._body_bytes
        size_bytes = sum(len(piece.data) for piece in pieces)
        record.body_reads.append(BodyRead(read_ns, size_bytes, EndsIn.MIDDLE))
        for piece in pieces:
            if self._frame is not None and piece.offset != self._frame_end:
                self._frame += 1
            self._frame_end = piece.offset + len(piece.data)
            for part in self._coding.decode(piece.data):
                self._take_part(part, piece, begin, read_ns)
                if self.stopped:
                    return
        record.body_reads[-1] = record.body_reads[-1]._replace(ends_in=self._ends_in())

    def _take_part(self, part: bytes, piece: Piece, begin: int, read_ns: int) -> None:
        """Plain bytes of one piece. `begin`: the plain bytes of the body before this read."""
        record = self._record
        record.body += part[: KEPT_BYTES - len(record.body)]
        before, self._body_bytes = self._body_bytes, self._body_bytes + len(part)
        if self._body_bytes > MAX_BYTES:
            self.stopped = f"its coding unfolded to more than {MAX_BYTES >> 20} MiB"
        if not record.streaming:
            return
        self._count_lines(part)
        for event in self._decoder.feed(part):
            end = piece.offset + (event.end - before if isinstance(self._coding, Identity) else len(piece.data))
            self._take_event(event, ChunkRow(end, "", read_ns, len(record.seen.reads)), event.end - begin)

    def _take_event(self, event: Event, row: ChunkRow, reach_bytes: int) -> None:
        record = self._record
        meaning = self._interpreter.read(event)
        record.typed = bool(self._interpreter.typed)
        record.events += 1
        self._note_end(meaning)
        if meaning.text is None or self.stopped:
            return
        record.damaged_chunks += is_damaged(meaning.text)
        record.seen.chunks.append(row._replace(text=meaning.text))
        words = len(meaning.text.split())
        record.letters.append(Letter(len(record.body_reads) - 1, reach_bytes, self._frame, words))
        self._on_text(meaning.text)
        if len(record.letters) >= MAX_CHUNKS:
            self.stopped = f"{MAX_CHUNKS} chunks came"

    def _note_end(self, meaning: Meaning) -> None:
        record = self._record
        self._broken = meaning.broken
        record.done_marker = record.done_marker or meaning.done
        record.finish_reason = meaning.finish_reason or record.finish_reason
        if meaning.error is not None and record.problem is None:
            record.problem = f"the stream has an error in it: {meaning.error}"

    def _count_lines(self, part: bytes) -> None:
        """Lines of data, whether or not an event ever comes of them."""
        joined = self._tail + part
        self._record.data_lines += len(_DATA_LINE.findall(joined))
        self._tail = joined[1 - _DATA_LINE_BYTES :]  # one byte too short to be counted again
        self._sample += part[: SAMPLE_BYTES - len(self._sample)]

    def _ends_in(self) -> EndsIn:
        if not self._decoder.pending:
            return EndsIn.EVENT
        return EndsIn.LINE if self._tail.endswith((b"\r", b"\n")) else EndsIn.MIDDLE

    def _cut_off(self, clean: bool) -> str:
        """Where it ended. `clean`: the response was complete as a response."""
        if self._response.status is None:
            return "the connection ended before the response's head was complete"
        if self._broken:
            return "the stream ended with an event that is not the JSON of a chat completion chunk"
        if not self._decoder.pending:
            return "the connection ended before the response did: its announced length or its last frame is missing"
        where = "after a line of data, before the blank line that ends its event"
        if self._ends_in() is EndsIn.MIDDLE:
            where = "inside a UTF-8 character" if _cuts_character(self._tail) else "inside an event"
            where += ", inside its JSON" if self._interpreter.typed else ""
        return f"the stream ended {where}" + ("" if clean else ", and the response was not complete either")


def _cuts_character(tail: bytes) -> bool:
    """Whether UTF-8 wants more bytes after these (RFC 3629 section 3)."""
    for length in (1, 2, 3):
        lead = tail[-length] if length <= len(tail) else 0
        if lead >= 0xC0:
            return length < (2 if lead < 0xE0 else 3 if lead < 0xF0 else 4)
    return False
