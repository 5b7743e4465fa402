"""What a query string and an OpenAI body may say, and what is refused with which words."""

import json

import pytest

from lab.model.server import FOREIGN_KEYS, FlushSpec, ServerSpec
from lab.model.workload import Pause, WorkloadSpec
from lab.server import limits
from lab.server.params import parse_chat_body, parse_query, resolve_server, resolve_workload
from lab.server.replies import BadRequest

OPENAI = WorkloadSpec(format="openai")

# Query → the fields of the workload that differ from the default.
WORKLOADS: dict[str, tuple[str, dict[str, object]]] = {
    "nothing": ("", {}),
    "units as in a scenario": (
        "chunks=250&interval=20ms&size=64B&first=1s",
        {"chunks": 250, "size": 64, "first": 10**9},
    ),
    "another profile brings its own defaults": (
        "profile=ticker&chunks=5",
        {"profile": "ticker", "chunks": 5, "size": 8},
    ),
    "format": ("format=plain", {"format": "plain"}),
    "a table by its dotted keys": (
        "pause.after=3&pause.for=1s",
        {"pause": Pause.model_validate({"after": 3, "for": "1s"})},
    ),
    "a table as TOML": (
        "pause={after=3,for=%221s%22}",
        {"pause": Pause.model_validate({"after": 3, "for": "1s"})},
    ),
    "seed": ("seed=7", {"seed": 7}),
}


@pytest.mark.parametrize("case", WORKLOADS)
def test_the_query_is_laid_over_the_workload(case: str) -> None:
    query, changes = WORKLOADS[case]
    spec = resolve_workload(OPENAI, parse_query(query).workload)
    assert spec == OPENAI.model_copy(update=changes)


# Query → the fields of the mode that differ from the default: every switch of the server is here.
MODES: dict[str, tuple[str, dict[str, object]]] = {
    "flush": ("flush=bytes:512", {"flush": FlushSpec(kind="bytes", size_bytes=512)}),
    "early_headers": ("early_headers=false", {"early_headers": False}),
    "nodelay": ("nodelay=false", {"nodelay": False}),
    "cork": ("cork=true", {"cork": True}),
    "writes_per_chunk": ("writes_per_chunk=3", {"writes_per_chunk": 3}),
    "framing": ("framing=close", {"framing": "close"}),
    "sndbuf": ("sndbuf=8KiB", {"sndbuf": 8192}),
    "notsent_lowat": ("notsent_lowat=16KiB", {"notsent_lowat": 16384}),
    "congestion": ("congestion=reno", {"congestion": "reno"}),
    "keepalive": ("keepalive=false", {"keepalive": False}),
    "resume": ("resume=live", {"resume": "live"}),
    "retry": ("retry=50ms", {"retry": 50_000_000}),
}


@pytest.mark.parametrize("case", MODES)
def test_the_query_is_laid_over_the_mode(case: str) -> None:
    query, changes = MODES[case]
    assert resolve_server(ServerSpec(), parse_query(query).server) == ServerSpec().model_copy(update=changes)


def test_every_switch_of_the_server_has_its_case() -> None:
    assert set(MODES) == set(ServerSpec.model_fields) - FOREIGN_KEYS - {"headers", "mss"}


def test_the_servers_own_settings_hold_where_the_query_is_silent() -> None:
    default = ServerSpec.model_validate({"nodelay": False, "flush": "end"})
    assert resolve_server(default, parse_query("cork=true").server) == default.model_copy(update={"cork": True})


# Query → a part of the message.
REFUSED = {
    "unknown key": ("chunk=5", "unknown parameter 'chunk': this route knows"),
    "a key of another table": ("delay=20ms", "unknown parameter 'delay'"),
    "no value": ("chunks", "query string"),
    "bad unit": ("interval=20", "20 is no duration"),
    "not a number": ("chunks=many", "chunks = 'many'"),
    "below the range": ("chunks=0", "chunks = 0"),
    "above the range": ("chunks=1000000000", "chunks = 1000000000"),
    "too many chunks for one response": ("chunks=1000000", f"at most {limits.CHUNKS_PER_RESPONSE} chunks"),
    "too much text": ("chunks=1000&size=1MiB", f"{limits.RESPONSE_TEXT_BYTES} bytes"),
    "a first chunk of too much text": ("first_size=1000MiB", f"{limits.RESPONSE_TEXT_BYTES} bytes"),
    "a number of thousands of digits": (f"chunks={'9' * 5000}", "chunks"),
    "a thousand brackets": (f"chunks={'[' * 5000}", "chunks"),
    "a date": ("chunks=2020-01-01", "chunks"),
    "unknown profile": ("profile=poem", "profile = 'poem'"),
    "unknown flush policy": ("flush=sometimes", "'sometimes' is no flush policy"),
    "unknown framing": ("framing=json", "framing = 'json'"),
    "a buffer beyond a C int": ("sndbuf=99999MiB", "sndbuf"),
    "modes that exclude each other": ("writes_per_chunk=3&framing=close", "needs framing = 'chunked'"),
    "not a boolean": ("nodelay=perhaps", "nodelay = 'perhaps'"),
    "a name that no kernel has": ("congestion=/etc/passwd", "congestion"),
    "given twice": ("chunks=5&chunks=6", "'chunks' comes after another value"),
    "a table after a value": ("pause=5&pause.after=3", "'pause.after' comes after another value"),
    "a value after a table": ("pause.after=3&pause=5", "'pause' comes after another value"),
    "a table of which half is missing": ("pause.after=3", "missing"),
    "deeper than any table": ("pause.after.x=3", "unknown key"),
    "too many parameters": ("&".join(["chunks=1"] * 200), "query string"),
}


def _resolve(query: str) -> None:
    wishes = parse_query(query)
    resolve_workload(OPENAI, wishes.workload)
    resolve_server(ServerSpec(), wishes.server)


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_query_is_refused_by_name(case: str) -> None:
    query, words = REFUSED[case]
    with pytest.raises(BadRequest) as caught:
        _resolve(query)
    assert caught.value.status == 400
    assert words in str(caught.value)


def test_chat_keys_are_known_where_the_route_takes_them() -> None:
    wishes = parse_query("model=4&stream=false&chunks=3", ("model", "stream"))
    assert (wishes.chat, wishes.workload) == ({"model": "4", "stream": False}, {"chunks": 3})
    with pytest.raises(BadRequest, match="unknown parameter 'model'"):
        parse_query("model=4")


# Body → stream, token limit, include_usage.
BODIES: dict[str, tuple[dict[str, object], tuple[bool, int | None, bool]]] = {
    "a plain chat request is not streamed": ({"model": "m", "messages": []}, (False, None, False)),
    "streamed": ({"stream": True}, (True, None, False)),
    "with usage": ({"stream": True, "stream_options": {"include_usage": True}}, (True, None, True)),
    "max_tokens": ({"max_tokens": 5}, (False, 5, False)),
    "its later name wins": ({"max_tokens": 5, "max_completion_tokens": 6}, (False, 6, False)),
    "what is not known is ignored": ({"temperature": 0.5, "tools": [1]}, (False, None, False)),
    "nulls are as if absent": ({"stream": None, "stream_options": None, "max_tokens": None}, (False, None, False)),
}


@pytest.mark.parametrize("case", BODIES)
def test_an_openai_body_is_understood(case: str) -> None:
    document, expected = BODIES[case]
    chat = parse_chat_body(json.dumps(document).encode())
    usage = chat.stream_options is not None and chat.stream_options.include_usage
    assert (bool(chat.stream), chat.token_limit, usage) == expected


def test_an_empty_body_asks_for_the_default_stream() -> None:
    assert parse_chat_body(b"").stream is True


BAD_BODIES = {
    "not JSON": (b"{", "the body is not JSON"),
    "not UTF-8": (b'{"model": "\xff"}', "the body is not JSON"),
    "nested beyond reason": (b"[" * 100_000, "the body is not JSON"),
    "a list": (b"[]", "the body: "),
    "a wrong type": (b'{"stream": "perhaps"}', "the body.stream: "),
    "no tokens": (b'{"max_tokens": 0}', "the body.max_tokens: "),
    "half a surrogate pair": (b'{"model": "\\ud800"}', "the body.model: "),
    "a name without end": (json.dumps({"model": "m" * 1000}).encode(), "the body.model: "),
    "a wrong type inside": (b'{"stream_options": {"include_usage": 7}}', "the body.stream_options.include_usage: "),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_refused_with_the_place_of_the_fault(case: str) -> None:
    body, words = BAD_BODIES[case]
    with pytest.raises(BadRequest) as caught:
        parse_chat_body(body)
    assert str(caught.value).startswith(words)
