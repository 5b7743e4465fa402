"""What one response says and when: encoded SSE frames with the offset from the request's head at which each is due.

Pure: built before the first byte leaves, so that formatting never sits between a chunk's due time and its `send`.
A frame with a text is a chunk; role, usage, comment and `[DONE]` frames carry none.
"""

from typing import NamedTuple

from lab.model.plan import PlannedChunk, plan_chunks
from lab.model.workload import WorkloadSpec
from lab.wire import openai, sse

MODEL_NAME = "typewriter"


class Frame(NamedTuple):
    """`data` is one whole SSE event (or several that belong together)."""

    due_offset_ns: int
    data: bytes
    text: str | None


class ChatOptions(NamedTuple):
    """What a chat request fixes beside its workload."""

    id: str
    created: int
    model: str = MODEL_NAME
    include_usage: bool = False


def chat_script(spec: WorkloadSpec, seed: str, options: ChatOptions) -> list[Frame]:
    """The response of `/v1/chat/completions` in the workload's format."""
    chunks = plan_chunks(spec, seed)
    return _openai_frames(chunks, options) if spec.format == "openai" else _plain_frames(chunks)


def chat_completion(spec: WorkloadSpec, seed: str, options: ChatOptions) -> bytes:
    """The same answer as one JSON document, for `stream: false`."""
    chunks = plan_chunks(spec, seed)
    text = "".join(chunk.text for chunk in chunks)
    return openai.completion(
        options.id, options.created, options.model, text, "stop", prompt_tokens=0, completion_tokens=len(chunks)
    )


def _plain_frames(chunks: list[PlannedChunk]) -> list[Frame]:
    frames = [Frame(chunk.due_offset_ns, sse.encode(chunk.text), chunk.text) for chunk in chunks]
    return [*frames, Frame(chunks[-1].due_offset_ns, openai.DONE, None)]


def _openai_frames(chunks: list[PlannedChunk], options: ChatOptions) -> list[Frame]:
    stream = openai.ChatStream(options.id, options.created, options.model, include_usage=options.include_usage)
    end_ns = chunks[-1].due_offset_ns
    tail = [stream.finish("stop")]
    if options.include_usage:
        tail.append(stream.usage(prompt_tokens=0, completion_tokens=len(chunks)))
    return [
        Frame(0, stream.role(), None),
        *(Frame(chunk.due_offset_ns, stream.content(chunk.text), chunk.text) for chunk in chunks),
        *(Frame(end_ns, data, None) for data in (*tail, openai.DONE)),
    ]
