"""Which path answers what, without a socket."""

import json
from typing import Any

import pytest

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server import limits
from lab.server.replies import BadRequest, Reply
from lab.server.routes import Later, Request, Site, StreamReply
from lab.wire.openai import read_frame
from lab.wire.sse import Decoder

SITE = Site(WorkloadSpec(chunks=3, format="openai"), ServerSpec(), "1", 1_700_000_000)
CHAT = "/v1/chat/completions"


def _ask(
    target: str, method: str = "GET", headers: dict[str, str] | None = None, body: bytes = b"", number: int = 0
) -> Reply | StreamReply | Later:
    return SITE.answer(Request(method, target, headers or {}, body, 0, number))


def _stream(*args: Any, **kwargs: Any) -> StreamReply:
    answer = _ask(*args, **kwargs)
    assert isinstance(answer, StreamReply)
    return answer


def _reply(*args: Any, **kwargs: Any) -> Reply:
    answer = _ask(*args, **kwargs)
    assert isinstance(answer, Reply)
    return answer


def _text(answer: StreamReply) -> str:
    return "".join(frame.text for frame in answer.frames if frame.text is not None)


# Request → status and words of the refusal.
REFUSED: dict[str, tuple[tuple[str, str, bytes], int, str]] = {
    "no such path": (("GET", "/v1/models", b""), 404, "there are /v1/chat/completions, /events, /healthz"),
    "a path above the root": (("GET", "/../healthz", b""), 404, "no such path"),
    "POST to events": (("POST", "/events", b""), 405, "use GET, HEAD, OPTIONS"),
    "DELETE of a chat": (("DELETE", CHAT, b""), 405, "use GET, POST, HEAD, OPTIONS"),
    "PUT of health": (("PUT", "/healthz", b""), 405, "use GET"),
    "a target that is no URL": (("GET", "//[", b""), 400, "no URL"),
    "a bad body": (("POST", CHAT, b"{"), 400, "not JSON"),
    "a bad parameter": (("GET", f"{CHAT}?interval=5", b""), 400, "no duration"),
    "a bad chat parameter": (("GET", f"{CHAT}?max_tokens=0", b""), 400, "query.max_tokens"),
    "chat parameters beside a body": (("POST", f"{CHAT}?max_tokens=5", b"{}"), 400, "unknown parameter 'max_tokens'"),
    "more tokens than a response may hold": (("POST", CHAT, b'{"max_tokens": 500000}'), 400, "at most"),
    "chat parameters on events": (("GET", "/events?stream=true", b""), 400, "unknown parameter 'stream'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused_with_a_reason(case: str) -> None:
    (method, target, body), status, words = REFUSED[case]
    with pytest.raises(BadRequest) as caught:
        _ask(target, method, body=body)
    assert caught.value.status == status
    assert words in str(caught.value)
    document = json.loads(caught.value.reply().body)
    assert document["error"]["message"] == str(caught.value)
    assert ("allow" in dict(caught.value.headers)) is (status == 405)


def test_a_chat_is_a_stream_on_get_and_on_post_when_asked() -> None:
    for answer in (_stream(CHAT), _stream(CHAT, "POST"), _stream(CHAT, "POST", body=b'{"stream": true}')):
        assert dict(answer.headers)["content-type"].startswith("text/event-stream")
        assert _text(answer) == _text(_stream(CHAT))


def test_without_stream_it_is_one_json_answer_with_the_same_text() -> None:
    for answer in (_reply(f"{CHAT}?stream=false"), _reply(CHAT, "POST", body=b'{"messages": []}')):
        document = json.loads(answer.body)
        assert document["object"] == "chat.completion"
        assert document["choices"][0]["message"]["content"] == _text(_stream(CHAT))


MAX_TOKENS = {
    "in the query": _stream(f"{CHAT}?max_tokens=5"),
    "in the body": _stream(CHAT, "POST", body=b'{"stream": true, "max_tokens": 5}'),
    "over the workload's chunks": _stream(f"{CHAT}?max_tokens=5&chunks=9"),
}


@pytest.mark.parametrize("case", MAX_TOKENS)
def test_max_tokens_is_the_number_of_chunks(case: str) -> None:
    assert sum(frame.text is not None for frame in MAX_TOKENS[case].frames) == 5


def test_openais_format_is_the_default_and_plain_is_asked_for() -> None:
    first = Decoder().feed(_stream(CHAT).frames[0].data)[0]
    assert json.loads(first.data)["object"] == "chat.completion.chunk"
    plain = _stream(f"{CHAT}?format=plain")
    assert plain.frames[0].data == f"data: {plain.frames[0].text}\n\n".encode()


def test_the_answer_carries_the_model_that_was_asked_for() -> None:
    answer = _stream(f"{CHAT}?model=gpt-4o&include_usage=true")
    documents = [json.loads(event.data) for frame in answer.frames[:-1] for event in Decoder().feed(frame.data)]
    assert {document["model"] for document in documents} == {"gpt-4o"}
    assert documents[-1]["usage"]["completion_tokens"] == 3
    assert {document["created"] for document in documents} == {1_700_000_000}


def test_the_mode_comes_from_the_query() -> None:
    assert _stream(f"{CHAT}?nodelay=false&flush=end").server == ServerSpec.model_validate(
        {"nodelay": False, "flush": "end"}
    )


def test_labelled_streams_are_the_same_whenever_they_come_and_others_differ() -> None:
    texts = [_text(_stream(CHAT, headers={"lab-stream": "7"}, number=number)) for number in (1, 2)]
    assert texts[0] == texts[1]
    assert _text(_stream(CHAT, number=1)) != _text(_stream(CHAT, number=2))


LABELS = {"none": ({}, None), "a number": ({"lab-stream": "7"}, 7), "no number": ({"lab-stream": "seven"}, None)}
LABELS["a number beyond int64"] = ({"lab-stream": "9" * 5000}, None)


@pytest.mark.parametrize("case", LABELS)
def test_the_label_is_a_number(case: str) -> None:
    headers, label = LABELS[case]
    assert _stream(CHAT, headers=headers).stream == label


# Last-Event-ID → ids that follow; None: 204, which tells an EventSource to stop.
LAST_IDS: dict[str, tuple[str | None, list[str] | None]] = {
    "a first visit": (None, ["1", "2", "3"]),
    "read nothing": ("0", ["1", "2", "3"]),
    "read one": ("1", ["2", "3"]),
    "read all": ("3", None),
    "beyond the end": ("12345", None),
    "an id that is not ours": ("abc", ["1", "2", "3"]),
    "a negative id": ("-1", ["1", "2", "3"]),
    "an id of thousands of digits": ("9" * 5000, ["1", "2", "3"]),
}


@pytest.mark.parametrize("case", LAST_IDS)
def test_events_resume_after_the_last_id(case: str) -> None:
    last_id, ids = LAST_IDS[case]
    answer = _ask("/events", headers={} if last_id is None else {"last-event-id": last_id})
    if ids is None:
        assert isinstance(answer, Reply)
        assert (answer.status, answer.body) == (204, b"")
    else:
        assert isinstance(answer, StreamReply)
        events = Decoder().feed(b"".join(frame.data for frame in answer.frames))
        assert [event.id for event in events] == ids


def test_events_are_plain_whatever_the_format_of_chats() -> None:
    for frame in _stream("/events").frames:
        assert all(read_frame(event.data).text == "" for event in Decoder().feed(frame.data))


def test_a_preflight_allows_what_the_sdk_of_openai_sends() -> None:
    reply = _reply(CHAT, "OPTIONS")
    headers = dict(reply.headers)
    assert (reply.status, headers["access-control-allow-origin"]) == (204, "*")
    assert "Authorization" in headers["access-control-allow-headers"]
    assert "POST" in headers["access-control-allow-methods"]


ANSWERS = {
    "a stream": _stream(CHAT).headers,
    "a JSON answer": _reply(f"{CHAT}?stream=false").headers,
    "events": _stream("/events").headers,
    "the end of events": _reply("/events", headers={"last-event-id": "9"}).headers,
    "health": _reply("/healthz").headers,
    "an error": BadRequest("no").reply().headers,
}


@pytest.mark.parametrize("case", ANSWERS)
def test_pages_of_other_origins_may_read_every_answer(case: str) -> None:
    assert ("access-control-allow-origin", "*") in ANSWERS[case]


LARGE = {
    "many chunks": f"{CHAT}?chunks={limits.INLINE_CHUNKS + 1}",
    "much text": f"{CHAT}?chunks=1&size={limits.INLINE_TEXT_BYTES + 1}B",
    "as JSON": f"{CHAT}?chunks=1&size={limits.INLINE_TEXT_BYTES + 1}B&stream=false",
    "as events": f"/events?chunks=1&size={limits.INLINE_TEXT_BYTES + 1}B",
}


@pytest.mark.parametrize("case", LARGE)
def test_what_takes_long_to_make_is_left_for_a_thread(case: str) -> None:
    answer = _ask(LARGE[case])
    assert isinstance(answer, Later)
    assert isinstance(answer.make(), Reply | StreamReply)


def test_the_health_says_how_many_requests_there_were() -> None:
    assert json.loads(_reply("/healthz", number=4).body) == {"status": "ok", "requests": 4}


def test_head_is_routed_as_get_is() -> None:
    assert _reply("/healthz", "HEAD").status == 200
    assert isinstance(_ask(CHAT, "HEAD"), StreamReply)


def test_a_proxys_absolute_target_is_understood() -> None:
    assert _reply("http://127.0.0.1:8000/healthz").status == 200
