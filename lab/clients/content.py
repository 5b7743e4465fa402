"""Which events of a stream are its chunks, and whether its end was announced: the same for every kind of client. Sans-IO.

The rule: only what carries content counts. Role-only, usage and finish frames, error objects and `[DONE]` are no chunks.
Bounded where nobody planned the stream, for a stranger's may have no end. Of a response that is the rest of an answer, the
ids say how far it has come, for the lab's own server numbers its chunks.
"""

from lab.analysis.harmless import one_line
from lab.model.capture import MAX_CHUNKS
from lab.model.workload import WorkloadSpec
from lab.wire.openai import FrameKind, read_frame

_DONE = "[DONE]"
# More is no number of a chunk, and the conversion of thousands takes long.
_MAX_DIGITS = 18
_OPENAI_OBJECT = '"chat.completion.chunk"'
# Looking for it costs next to nothing; only an event that has it is worth parsing to see whether it is an error.
_ERROR_KEY = '"error"'
# As much as a recording may hold, and four events of 64 MiB.
MAX_EVENTS = MAX_CHUNKS
MAX_CHARACTERS = 256 * 1024 * 1024


class Content:
    """Reads the data of one stream's events, in order."""

    def __init__(self, openai: bool | None = None, chunks_expected: int | None = None) -> None:
        """`openai`: whether events are OpenAI's frames; None lets the first event tell. `chunks_expected`: where planned."""
        self._openai = openai
        self._chunks_expected = chunks_expected
        self._place = self._events = self._characters = 0
        self._end_announced = False
        self.error: str | None = None

    @classmethod
    def planned(cls, workload: WorkloadSpec, *, chunks_known: bool = True) -> "Content":
        """Of a repetition's stream. `chunks_known`: the server plans the same, so that the last planned chunk is an end."""
        openai = workload.format == "openai"
        # Of somebody else's server the scenario may say nothing, and OpenAI's role frame taken for text is a false TTFC.
        return cls(openai, workload.chunks) if chunks_known else cls(openai or None)

    @property
    def done(self) -> bool:
        """The stream's end was seen: announced, or the last planned chunk came."""
        return self._end_announced or (self._chunks_expected is not None and self._place >= self._chunks_expected)

    @property
    def stopped(self) -> str | None:
        """Why nothing more should be read of it, or None: never for a stream that was planned."""
        if self._chunks_expected is not None:
            return None
        if self._events >= MAX_EVENTS:
            return f"stopped reading: {self._events} events came and no end"
        if self._characters >= MAX_CHARACTERS:
            return f"stopped reading: {self._characters >> 20} Mi characters came and no end"
        return None

    def chunk_text(self, data: str, event_id: str = "") -> str | None:
        """The text of a chunk; None for an event that is none. The first error object becomes `error`, in words.

        `event_id`: the last event ID string, "" where unknown.
        """
        self._events += 1
        self._characters += len(data)
        text = self._text(data)
        if text is not None:
            number = event_id.partition("-")[0]
            self._place = int(number) if number.isdecimal() and len(number) <= _MAX_DIGITS else self._place + 1
        return text

    def _text(self, data: str) -> str | None:
        if data == _DONE:
            self._end_announced = True
            return None
        if _ERROR_KEY in data and (frame := read_frame(data)).kind is FrameKind.ERROR:
            self.error = self.error or f"the stream has an error in it: {one_line(frame.text)}"
            return None
        if self._openai is None:
            self._openai = _OPENAI_OBJECT in data
        if not self._openai:
            return data
        frame = read_frame(data)
        if frame.finish_reason is not None:  # some servers send it with the last content
            self._end_announced = True
        return frame.text if frame.kind is FrameKind.CONTENT else None
