"""What an event of a stranger's stream is: a chunk, a sign of the end, an error, or a frame without text. Sans-IO.

The rule: the first event that tells decides for the whole stream whether it is OpenAI's; in every other stream each event
with text is a chunk, whatever it says.
"""

import json
from dataclasses import dataclass
from typing import Any

from lab.wire.openai import FrameKind, read_frame
from lab.wire.sse import Event

_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`text` is a chunk's, None for what is none; `broken`: JSON was due, and this is not."""

    text: str | None = None
    finish_reason: str | None = None
    done: bool = False
    error: str | None = None
    broken: bool = False


class Interpreter:
    """Reads the events of one stream in order."""

    def __init__(self) -> None:
        self.typed: bool | None = None

    def read(self, event: Event) -> Meaning:
        """What this event is."""
        frame = read_frame(event.data)
        if frame.kind is FrameKind.DONE:
            return Meaning(done=True)
        if frame.kind is FrameKind.ERROR:
            return Meaning(error=frame.text)
        document = _document(event.data) if self.typed is None or frame.kind is FrameKind.OTHER else None
        if self.typed is None:
            self.typed = _is_chat(document)
        if not self.typed:
            return Meaning(text=event.data) if event.data else Meaning()
        if frame.kind is FrameKind.CONTENT:
            return Meaning(frame.text, frame.finish_reason)
        return Meaning(finish_reason=frame.finish_reason, broken=frame.kind is FrameKind.OTHER and document is None)


def whole_lines(data: str) -> int:
    """How many lines are messages of their own: a JSON object or array, or `[DONE]`."""
    lines = data.split("\n")
    return sum(line.strip() == "[DONE]" or isinstance(_document(line), dict | list) for line in lines)


def is_damaged(text: str) -> bool:
    """Whether a character of it could not be decoded."""
    return _REPLACEMENT in text


def _document(data: str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_chat(document: Any) -> bool:
    """A chat completion chunk; the first of some services has no choices yet."""
    choices = document.get("choices") if isinstance(document, dict) else None
    if not isinstance(choices, list):
        return False
    return not choices or (isinstance(choices[0], dict) and isinstance(choices[0].get("delta"), dict))
