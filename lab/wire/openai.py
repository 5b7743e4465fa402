"""OpenAI's chat-completion chunks: written for the lab's server, classified for its clients.

The one rule: a chunk is a frame that carries content; role, finish, usage and `[DONE]` frames are not chunks, and a
foreign server's malformed frame is no error here but OTHER. The shapes are those of the published API reference, "The chat
completion chunk object" and "The chat completion object". It stands between `emit` and `write`, and again at `arrival`.
"""

import json
from dataclasses import dataclass
from enum import Enum
from json.encoder import encode_basestring

from lab.wire import sse

DONE: bytes = sse.encode("[DONE]")


class ChatStream:
    """Writes the frames of one streamed answer, each as one encoded event with the same id, creation time and model.

    With `include_usage` (the request's `stream_options.include_usage`) every chunk says `"usage": null` and one more,
    which has no choices, gives the numbers before `[DONE]`.
    """

    def __init__(self, id: str, created: int, model: str, include_usage: bool = False) -> None:  # noqa: A002
        """`created` is in seconds since the epoch, as the API has it."""
        self._head = _object_head(id, "chat.completion.chunk", created, model)
        self._null_usage = ',"usage":null' if include_usage else ""
        prefix, suffix = self._choice('{"content":\0}', None).split(b"\0")
        self._content_prefix, self._content_suffix = prefix, suffix

    def role(self) -> bytes:
        """The frame that opens an answer: who speaks, and no text yet."""
        return self._choice('{"role":"assistant","content":""}', None)

    def content(self, text: str) -> bytes:
        """A chunk. Non-ASCII text stays as it is in UTF-8; a lone surrogate becomes its JSON escape."""
        return self._content_prefix + _quote(text) + self._content_suffix

    def finish(self, reason: str) -> bytes:
        """The frame that says why the answer ends: "stop", "length", "content_filter", ..."""
        return self._choice("{}", reason)

    def usage(self, prompt_tokens: int, completion_tokens: int) -> bytes:
        """The extra frame of `include_usage`, due after `finish` and before `[DONE]`."""
        return _event(f'{self._head},"choices":[],"usage":{_usage(prompt_tokens, completion_tokens)}}}')

    def _choice(self, delta: str, reason: str | None) -> bytes:
        choice = f'{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{json.dumps(reason)}}}'
        return _event(f'{self._head},"choices":[{choice}]{self._null_usage}}}')


def completion(
    id: str,  # noqa: A002
    created: int,
    model: str,
    text: str,
    finish_reason: str,
    prompt_tokens: int,
    completion_tokens: int,
) -> bytes:
    """The whole answer as one JSON object, for a request without `stream`."""
    message = b'{"role":"assistant","content":' + _quote(text) + b',"refusal":null}'
    return b"".join(
        (
            f'{_object_head(id, "chat.completion", created, model)},"choices":[{{"index":0,"message":'.encode(),
            message,
            f',"logprobs":null,"finish_reason":{json.dumps(finish_reason)}}}]'.encode(),
            f',"usage":{_usage(prompt_tokens, completion_tokens)}}}'.encode(),
        )
    )


def _object_head(id: str, kind: str, created: int, model: str) -> str:  # noqa: A002
    return f'{{"id":{json.dumps(id)},"object":"{kind}","created":{created},"model":{json.dumps(model)}'


def _usage(prompt_tokens: int, completion_tokens: int) -> str:
    total_tokens = prompt_tokens + completion_tokens
    return f'{{"prompt_tokens":{prompt_tokens},"completion_tokens":{completion_tokens},"total_tokens":{total_tokens}}}'


def _quote(text: str) -> bytes:
    # JSON escapes every CR and LF, so one data line always suffices; Python's escape of a lone surrogate is JSON's too.
    return encode_basestring(text).encode("utf-8", "backslashreplace")


def _event(one_line: str) -> bytes:
    return f"data: {one_line}\n\n".encode()


class FrameKind(Enum):
    """What an event of an answer is. Only CONTENT is a chunk."""

    CONTENT = "content"
    ROLE = "role"
    FINISH = "finish"
    USAGE = "usage"
    DONE = "done"
    ERROR = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Frame:
    """One classified event. `text` is the content of a CONTENT frame and the message of an ERROR frame, else "".

    `finish_reason` stands beside `kind`, because a server may send it together with the last content.
    """

    kind: FrameKind
    text: str = ""
    finish_reason: str | None = None


_OTHER = Frame(FrameKind.OTHER)


def read_frame(data: str) -> Frame:
    """Classify the data of one event. Never raises: what is not understood is OTHER."""
    if data.strip() == "[DONE]":
        return Frame(FrameKind.DONE)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return _OTHER
    if not isinstance(body, dict):
        return _OTHER
    if body.get("error"):
        return Frame(FrameKind.ERROR, _error_message(body["error"]))
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        return _read_choices([choice for choice in choices if isinstance(choice, dict)])
    return Frame(FrameKind.USAGE) if isinstance(body.get("usage"), dict) else _OTHER


def _read_choices(choices: list[dict[str, object]]) -> Frame:
    """With several choices (`n` above 1) the first that has content counts."""
    deltas = [delta for choice in choices if isinstance(delta := choice.get("delta"), dict)]
    reason = next((text for choice in choices if isinstance(text := choice.get("finish_reason"), str)), None)
    for delta in deltas:
        text = delta.get("content")
        if isinstance(text, str) and text:
            return Frame(FrameKind.CONTENT, text, reason)
    if reason is not None:
        return Frame(FrameKind.FINISH, "", reason)
    return Frame(FrameKind.ROLE) if any(delta.get("role") for delta in deltas) else _OTHER


def _error_message(error: object) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else json.dumps(error)
