"""What a response says and when, before any byte leaves."""

import json

import pytest

from lab.model.workload import WorkloadSpec
from lab.server.script import ChatOptions, Frame, chat_completion, chat_script
from lab.wire.openai import FrameKind, read_frame
from lab.wire.sse import Decoder, Event

OPTIONS = ChatOptions("chatcmpl-0", 1_700_000_000)
WITH_USAGE = OPTIONS._replace(include_usage=True)


def _events(frames: list[Frame]) -> list[Event]:
    return Decoder().feed(b"".join(frame.data for frame in frames))


def _texts(frames: list[Frame]) -> list[str]:
    return [frame.text for frame in frames if frame.text is not None]


@pytest.mark.parametrize("profile", ["phrase", "llm", "ticker", "notifications", "burst"])
@pytest.mark.parametrize("form", ["plain", "openai"])
def test_every_workload_in_every_format_says_its_plan(profile: str, form: str) -> None:
    spec = WorkloadSpec.model_validate({"profile": profile, "format": form})
    frames = chat_script(spec, "1", OPTIONS)
    assert len(_texts(frames)) == spec.chunks
    assert [frame.due_offset_ns for frame in frames] == sorted(frame.due_offset_ns for frame in frames)
    events = _events(frames)
    assert events[-1].data == "[DONE]"
    if form == "plain":
        assert [event.data for event in events[:-1]] == _texts(frames)
    else:
        kinds = [read_frame(event.data).kind for event in events]
        chunks = [FrameKind.CONTENT] * spec.chunks
        assert kinds == [FrameKind.ROLE, *chunks, FrameKind.FINISH, FrameKind.DONE]
        assert "".join(read_frame(event.data).text for event in events) == "".join(_texts(frames))


def test_usage_stands_between_the_finish_and_done() -> None:
    spec = WorkloadSpec(chunks=3, format="openai")
    kinds = [read_frame(event.data).kind for event in _events(chat_script(spec, "1", WITH_USAGE))]
    assert kinds[-3:] == [FrameKind.FINISH, FrameKind.USAGE, FrameKind.DONE]


def test_the_json_answer_says_what_the_stream_says() -> None:
    spec = WorkloadSpec(chunks=7, format="openai")
    answer = json.loads(chat_completion(spec, "1", OPTIONS))
    assert answer["choices"][0]["message"]["content"] == "".join(_texts(chat_script(spec, "1", OPTIONS)))
    assert answer["usage"]["completion_tokens"] == 7
