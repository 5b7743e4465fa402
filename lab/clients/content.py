"""Which events of a stream are its chunks, and whether its end was announced: the same for every kind of client. Sans-IO.

The rule: only what carries content counts. Role-only, usage and finish frames and `[DONE]` are no chunks.
"""

from lab.model.workload import WorkloadSpec
from lab.wire.openai import FrameKind, read_frame

_DONE = "[DONE]"
_OPENAI_OBJECT = '"chat.completion.chunk"'


class Content:
    """Reads the data of one stream's events, in order."""

    def __init__(self, openai: bool | None = None, chunks_expected: int | None = None) -> None:
        """`openai`: whether events are OpenAI's frames; None lets the first event tell. `chunks_expected`: where planned."""
        self._openai = openai
        self._chunks_expected = chunks_expected
        self._chunks = 0
        self._end_announced = False

    @classmethod
    def planned(cls, workload: WorkloadSpec, *, chunks_known: bool = True) -> "Content":
        """Of a repetition's stream. `chunks_known`: the server plans the same, so that the last planned chunk is an end."""
        return cls(workload.format == "openai", workload.chunks if chunks_known else None)

    @property
    def done(self) -> bool:
        """The stream's end was seen: announced, or the last planned chunk came."""
        return self._end_announced or (self._chunks_expected is not None and self._chunks >= self._chunks_expected)

    def chunk_text(self, data: str) -> str | None:
        """The text of a chunk; None for an event that is none."""
        text = self._text(data)
        self._chunks += text is not None
        return text

    def _text(self, data: str) -> str | None:
        if data == _DONE:
            self._end_announced = True
            return None
        if self._openai is None:
            self._openai = _OPENAI_OBJECT in data
        if not self._openai:
            return data
        frame = read_frame(data)
        if frame.finish_reason is not None:  # some servers send it with the last content
            self._end_announced = True
        return frame.text if frame.kind is FrameKind.CONTENT else None
