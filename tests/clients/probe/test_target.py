"""Where a probe goes, what it sends there, and to whom it gives a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.clients.probe.target import Ask, Target, find_key, make_ask, parse_url
from lab.errors import UsageError

URLS: dict[str, tuple[str, Target]] = {
    "plain": ("http://a.example/x", Target("http", "a.example", 80, "/x")),
    "no path": ("https://a.example", Target("https", "a.example", 443, "/")),
    "port and query": ("http://a.example:8000/x?y=1&z=a:b", Target("http", "a.example", 8000, "/x?y=1&z=a:b")),
    "query without path": ("http://a.example?y=1", Target("http", "a.example", 80, "/?y=1")),
    "a fragment stays here": ("http://a.example/x#part", Target("http", "a.example", 80, "/x")),
    "IPv6": ("http://[::1]:8000/", Target("http", "::1", 8000, "/")),
    "characters": ("http://bücher.example/ö?q=☕", Target("http", "xn--bcher-kva.example", 80, "/%C3%B6?q=%E2%98%95")),
    "escapes": ("http://a.example/%41%20b", Target("http", "a.example", 80, "/%41%20b")),
    "capitals": ("HTTP://A.Example/X", Target("http", "a.example", 80, "/X")),
}


@pytest.mark.parametrize(("text", "target"), URLS.values(), ids=URLS)
def test_a_url_is_taken_apart(text: str, target: Target) -> None:
    assert parse_url(text) == target


@pytest.mark.parametrize("text", ["http://a.example/x", "https://[::1]:8000/x?y=1", "http://a.example:8080/"])
def test_and_put_together_again(text: str) -> None:
    assert parse_url(text).url == text


BAD_URLS = {
    "nothing": ("", "http://"),
    "no scheme": ("localhost:8000/x", "must begin with http:// or https://"),
    "another scheme": ("ftp://a.example", "must begin with"),
    "no host": ("http:///x", "names no host"),
    "a port that is none": ("http://a.example:x/", "Port could not be cast"),
    "a port beyond the last": ("http://a.example:65536/", "Port out of range"),
    "half an address": ("http://[::1/", "Invalid IPv6 URL"),
    "a line end": ("http://a.example/\r\nx: y", "control character"),
    "a space": ("http://a.example/ x", "a space"),
    "an empty label": ("http://a..example/", "label"),
    "a password": ("http://me:secret@a.example/", "--header 'Authorization"),
}


@pytest.mark.parametrize(("text", "fragment"), BAD_URLS.values(), ids=BAD_URLS)
def test_what_is_no_url_is_refused_and_says_why(text: str, fragment: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(text)
    assert fragment in str(caught.value)
    assert "secret" not in str(caught.value)


HERE = parse_url("http://127.0.0.1:8000/v1?x=1")


def test_a_request_as_bytes() -> None:
    ask = make_ask(HERE, None, ["X-Test: a b", "accept: */*"], b'{"a": 1}', "k")
    assert ask.encode() == (
        b"POST /v1?x=1 HTTP/1.1\r\nhost: 127.0.0.1:8000\r\naccept: */*\r\naccept-encoding: identity\r\n"
        b"user-agent: typewriter-lab\r\ncontent-type: application/json\r\nauthorization: Bearer k\r\nx-test: a b\r\n"
        b'content-length: 8\r\n\r\n{"a": 1}'
    )


def test_a_get_has_no_length_and_a_post_always_has_one() -> None:
    assert b"content-length" not in make_ask(HERE, None, [], None, None).encode()
    assert b"content-length: 0\r\n" in make_ask(HERE, "POST", [], None, None).encode()
    assert make_ask(HERE, "get", [], None, None).method == "get"


def test_a_given_authorization_wins_over_the_key() -> None:
    sent = make_ask(HERE, None, ["Authorization: Basic x"], None, "k").encode()
    assert b"authorization: Basic x\r\n" in sent
    assert b"Bearer" not in sent


BAD_ASKS: dict[str, tuple[str | None, str, str]] = {
    "a method with a space": ("GET /x", "A: b", "--method"),
    "no method": ("", "A: b", ""),
    "a tunnel": ("connect", "A: b", "--method"),
    "no colon": ("GET", "Accept", "write 'Name: value'"),
    "a name with a space": ("GET", "A b: c", "write 'Name: value'"),
    "no name": ("GET", ": c", "write 'Name: value'"),
    "a second field by line end": ("GET", "A: b\r\nC: d", "control"),
    "a NUL": ("GET", "A: b\0", "control"),
    "beyond ASCII": ("GET", "A: ☕", "non-ASCII"),
    "a length of one's own": ("POST", "Content-Length: 3", "leave it out"),
    "framing of one's own": ("POST", "Transfer-Encoding: chunked", "leave it out"),
}


@pytest.mark.parametrize(("method", "field", "fragment"), list(BAD_ASKS.values()), ids=BAD_ASKS)
def test_what_cannot_be_asked_is_refused(method: str | None, field: str, fragment: str) -> None:
    if method == "":
        assert make_ask(HERE, method, [field], None, None).method == "GET"
        return
    with pytest.raises(UsageError) as caught:
        make_ask(HERE, method, [field], None, None)
    assert fragment in str(caught.value)


@given(st.text(), st.text())
def test_nothing_is_smuggled_into_a_request(path: str, value: str) -> None:
    try:
        ask = make_ask(parse_url(f"http://a.example/{path}"), None, [f"x: {value}"], None, None)
    except UsageError:
        return
    head = ask.encode()
    assert head.count(b"\r\n") == len(ask.fields) + 3
    assert head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
    assert head.split(b"\r\n")[0].count(b" ") == 2


KEYS: dict[str, tuple[str, str | None, str | None]] = {
    "OpenAI's key, to OpenAI": ("https://api.openai.com/v1", None, "openai"),
    "OpenAI's key, to OpenAI in clear text": ("http://api.openai.com/v1", None, None),
    "OpenAI's key, to another host": ("https://llm.example/v1", None, None),
    "OpenAI's key, to a name that only looks like it": ("https://api.openai.com.example/v1", None, None),
    "OpenAI's key, to this machine": ("http://127.0.0.1/v1", None, None),
    "a named key, to its host": ("https://llm.example/v1", "LLM_KEY", "llm"),
    "a named key, to this machine": ("http://localhost:8000/v1", "LLM_KEY", "llm"),
    "a named key, to this machine's IPv6": ("http://[::1]:8000/v1", "LLM_KEY", "llm"),
    "OpenAI's key, named, to another host": ("https://llm.example/v1", "OPENAI_API_KEY", "openai"),
}
ENVIRONMENT = {"OPENAI_API_KEY": "openai", "LLM_KEY": "llm", "EMPTY": "", "BROKEN": "a\nb"}


@pytest.mark.parametrize(("url", "variable", "key"), KEYS.values(), ids=KEYS)
def test_to_whom_a_key_is_given(url: str, variable: str | None, key: str | None) -> None:
    assert find_key(parse_url(url), variable, ENVIRONMENT) == key


BAD_KEYS = {
    "not set": ("https://llm.example", "NOWHERE", "not set"),
    "empty": ("https://llm.example", "EMPTY", "not set"),
    "in clear text": ("http://llm.example", "LLM_KEY", "https only"),
    "of two lines": ("https://llm.example", "BROKEN", "control"),
}


@pytest.mark.parametrize(("url", "variable", "fragment"), BAD_KEYS.values(), ids=BAD_KEYS)
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(url: str, variable: str, fragment: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_key(parse_url(url), variable, ENVIRONMENT)
    assert fragment in str(caught.value)
    assert "a\nb" not in str(caught.value)


def test_no_key_without_the_variable() -> None:
    assert find_key(parse_url("https://api.openai.com/v1"), None, {}) is None


def test_what_is_shared_has_no_query() -> None:
    assert parse_url("https://a.example/x?key=secret").shareable_url == "https://a.example/x"
    assert Ask("GET", HERE, {}).body is None
