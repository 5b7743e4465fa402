"""Our chunks are what OpenAI's own SDK takes for chunks, and what comes from elsewhere is told apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from lab.wire.openai import DONE, ChatStream, Frame, FrameKind, completion, read_frame
from lab.wire.sse import Decoder


def data_of(encoded: bytes) -> str:
    [event] = Decoder().feed(encoded)
    assert (event.event, event.end) == ("message", len(encoded))
    return event.data


def chunk_of(encoded: bytes) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate_json(data_of(encoded), strict=True)


def stream(include_usage: bool = False) -> ChatStream:
    return ChatStream("chatcmpl-1", 1_700_000_000, 'a "model"', include_usage)


@pytest.mark.parametrize("include_usage", [False, True])
def test_every_frame_is_a_chunk_of_the_same_answer(include_usage: bool) -> None:
    answer = stream(include_usage)
    frames = [answer.role(), answer.content("tok"), answer.finish("stop"), answer.usage(3, 4)]
    for chunk in map(chunk_of, frames):
        assert (chunk.id, chunk.created, chunk.model) == ("chatcmpl-1", 1_700_000_000, 'a "model"')
        assert chunk.object == "chat.completion.chunk"


def test_role_content_and_finish() -> None:
    answer = stream()
    choices = [chunk_of(frame).choices[0] for frame in (answer.role(), answer.content("tok"), answer.finish("length"))]
    assert [choice.index for choice in choices] == [0, 0, 0]
    assert [choice.delta.role for choice in choices] == ["assistant", None, None]
    assert [choice.delta.content for choice in choices] == ["", "tok", None]
    assert [choice.finish_reason for choice in choices] == [None, None, "length"]


def test_usage_is_null_in_every_chunk_but_the_last_and_only_if_asked_for() -> None:
    asked, plain = stream(include_usage=True), stream()
    for frame in (asked.role(), asked.content("tok"), asked.finish("stop")):
        assert json.loads(data_of(frame))["usage"] is None
    for frame in (plain.role(), plain.content("tok"), plain.finish("stop")):
        assert "usage" not in json.loads(data_of(frame))
    last = chunk_of(asked.usage(3, 4))
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (3, 4, 7)


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    for frame in (stream().content(text), stream(include_usage=True).content(text)):
        assert json.loads(data_of(frame))["choices"][0]["delta"] == {"content": text}


def test_text_costs_its_utf8_bytes_and_no_escapes() -> None:
    assert len(stream().content("é€🙂")) == len(stream().content("")) + 9


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_whole_answer(text: str) -> None:
    answer = ChatCompletion.model_validate_json(completion("chatcmpl-1", 17, "m", text, "stop", 3, 4), strict=True)
    assert (answer.id, answer.created, answer.model, answer.object) == ("chatcmpl-1", 17, "m", "chat.completion")
    assert answer.choices[0].message.content == text
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 7


def test_done() -> None:
    assert DONE == b"data: [DONE]\n\n"


def delta(inner: str, reason: str = "null") -> str:
    return f'{{"choices":[{{"index":0,"delta":{inner},"finish_reason":{reason}}}]}}'


K = FrameKind
FRAMES = [
    ("ours: role", data_of(stream().role()), Frame(K.ROLE)),
    ("ours: content", data_of(stream().content("tok")), Frame(K.CONTENT, "tok")),
    ("ours: finish", data_of(stream().finish("stop")), Frame(K.FINISH, "", "stop")),
    ("ours: usage", data_of(stream().usage(1, 2)), Frame(K.USAGE)),
    ("ours: done", data_of(DONE), Frame(K.DONE)),
    ("done with space", " [DONE]", Frame(K.DONE)),
    ("role and content", delta('{"role":"assistant","content":"tok"}'), Frame(K.CONTENT, "tok")),
    ("content and finish", delta('{"content":"tok"}', '"stop"'), Frame(K.CONTENT, "tok", "stop")),
    ("content and usage", delta('{"content":"tok"}')[:-1] + ',"usage":{}}', Frame(K.CONTENT, "tok")),
    ("a space is content", delta('{"content":" "}'), Frame(K.CONTENT, " ")),
    ("empty content", delta('{"content":""}'), Frame(K.OTHER)),
    ("null content", delta('{"content":null}'), Frame(K.OTHER)),
    ("content that is no text", delta('{"content":["tok"]}'), Frame(K.OTHER)),
    ("empty content and finish", delta('{"content":""}', '"length"'), Frame(K.FINISH, "", "length")),
    ("empty delta", delta("{}"), Frame(K.OTHER)),
    ("null delta", delta("null"), Frame(K.OTHER)),
    ("tool call", delta('{"tool_calls":[{"index":0}]}'), Frame(K.OTHER)),
    ("second choice", '{"choices":[{"delta":{}},{"delta":{"content":"b"}}]}', Frame(K.CONTENT, "b")),
    ("no choices", '{"choices":[]}', Frame(K.OTHER)),
    ("null choices and usage", '{"choices":null,"usage":{"total_tokens":1}}', Frame(K.USAGE)),
    ("null usage", '{"choices":[],"usage":null}', Frame(K.OTHER)),
    ("choices that are none", '{"choices":[1,"a",null]}', Frame(K.OTHER)),
    ("choices that are an object", '{"choices":{"0":{}}}', Frame(K.OTHER)),
    ("error", '{"error":{"message":"overloaded","type":"x"}}', Frame(K.ERROR, "overloaded")),
    ("error as text", '{"error":"overloaded"}', Frame(K.ERROR, "overloaded")),
    ("error without message", '{"error":{"code":7}}', Frame(K.ERROR, '{"code": 7}')),
    ("null error is none", '{"error":null,"choices":[]}', Frame(K.OTHER)),
    ("plain text", "tok", Frame(K.OTHER)),
    ("empty", "", Frame(K.OTHER)),
    ("cut JSON", '{"choices":[{"delta"', Frame(K.OTHER)),
    ("a number", "1", Frame(K.OTHER)),
    ("a list", "[]", Frame(K.OTHER)),
    ("too deep", "[" * 100_000, Frame(K.OTHER)),
    ("too long a number", "1" * 5000, Frame(K.OTHER)),
]


@pytest.mark.parametrize(("data", "frame"), [case[1:] for case in FRAMES], ids=[case[0] for case in FRAMES])
def test_read_frame(data: str, frame: Frame) -> None:
    assert read_frame(data) == frame


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "content", "role", "finish_reason", "usage", "error", "message"]),
            inner,
        )
    ),
)


@given(json_values)
def test_no_frame_is_an_exception(value: object) -> None:
    assert isinstance(read_frame(json.dumps(value)), Frame)
