"""The connection beneath Locust's users, with plain blocking sockets: URLs, requests, reads, ends. No Locust in here."""

import socket
import ssl
from contextlib import closing
from typing import Any

import pytest
import trustme

from lab.clients.content import Content
from lab.clients.locust import connection
from lab.clients.locust.connection import Connection, Origin, encode_request, split_url
from lab.clients.locust.streaming import Teller, ending, failure, read_stream
from lab.errors import UsageError
from lab.model.client import ClientSpec
from lab.trace.records import ChunkRow, Completion, ReadRow, StreamSeen
from tests.clients.locust.peer import Peer, serving
from tests.clients.responses import OPENAI, PLAIN, TEXTS, chunked, sized, until_close

Told = list[tuple[str, float, int, Exception | None]]

URLS = {
    "host and port": ("10.0.0.1:8000", Origin("http", "10.0.0.1", 8000), "", "10.0.0.1:8000"),
    "the scheme's own port": ("http://lab.test/", Origin("http", "lab.test", 80), "/", "lab.test"),
    "TLS, path and query": ("https://lab.test/v1?a=b&c=1", Origin("https", "lab.test", 443), "/v1?a=b&c=1", "lab.test"),
    "an IPv6 address": ("http://[::1]:81/x", Origin("http", "::1", 81), "/x", "[::1]:81"),
    "a path to be quoted": ("http://h/é 1%20", Origin("http", "h", 80), "/%C3%A9%201%20", "h"),
}


@pytest.mark.parametrize(("url", "origin", "target", "authority"), URLS.values(), ids=URLS)
def test_urls(url: str, origin: Origin, target: str, authority: str) -> None:
    assert split_url(url) == (origin, target)
    assert origin.authority == authority


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "", "http://host:port/", "http://host:99999/"])
def test_what_is_no_url_to_stream_from(url: str) -> None:
    with pytest.raises(UsageError, match="give host:port or an http"):
        split_url(url)


BODIES: dict[str, tuple[object, bytes, str | None]] = {
    "none": (None, b"", None),
    "bytes": (b"\xff", b"\xff", None),
    "text": ("é", "é".encode(), None),
    "anything else, as JSON": ({"stream": True}, b'{"stream": true}', "application/json"),
}


@pytest.mark.parametrize(("body", "sent", "content_type"), BODIES.values(), ids=BODIES)
def test_requests(body: object, sent: bytes, content_type: str | None) -> None:
    data = encode_request(Origin("http", "h", 81), "POST", "/x?y", {"Accept": "*/*", "X-Key": "k"}, body)
    head, _, content = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    assert (first, content) == ("POST /x?y HTTP/1.1", sent)
    assert (fields["host"], fields["accept"], fields["x-key"]) == ("h:81", "*/*", "k")
    assert fields.get("content-type") == content_type
    assert fields.get("content-length") == (None if body is None else str(len(sent)))


def test_a_header_that_would_break_out_of_its_line() -> None:
    with pytest.raises(UsageError, match="cannot ask"):
        encode_request(Origin("http", "h", 80), "GET", "/", {"x": "1\r\ny: 2"}, None)


def _read(peer: Peer, timeout_s: float = 30, scheme: str = "http", **client: Any) -> tuple[StreamSeen, Told]:
    told: Told = []
    seen = StreamSeen(stream=1, due_ns=0)
    origin = Origin(scheme, *peer.address)
    teller = Teller(seen, lambda *event: told.append(event))
    spec = ClientSpec.model_validate(client)
    with ending(seen), closing(Connection(origin, spec, seen, timeout_s)) as opened:
        read_stream(opened, encode_request(origin, "GET", "/", {}, None), seen, Content(), teller)
    teller.tell_end()
    return seen, told


RESPONSES = {
    "chunked": chunked(PLAIN),
    "with its length": sized(PLAIN),
    "until close": until_close(PLAIN),
    "OpenAI's, as its first event tells": chunked(OPENAI),
}


@pytest.mark.parametrize("response", RESPONSES.values(), ids=RESPONSES)
def test_a_whole_response(response: bytes) -> None:
    with serving(response) as peer:
        seen, _ = _read(peer)
    assert [chunk.text for chunk in seen.chunks] == TEXTS
    assert sum(read.size_bytes for read in seen.reads) == len(response)
    assert seen.status == 200
    instants = [seen.connect_ns, seen.connected_ns, seen.request_ns, seen.first_byte_ns, seen.headers_ns, seen.end_ns]
    assert None not in instants
    assert instants == sorted(each for each in instants if each is not None)
    assert seen.server_port == peer.address[1]


def test_a_read_returns_what_is_there_and_waits_for_no_more() -> None:
    """The server says nothing more until the client has left: whoever waited for a full buffer would never see a chunk."""
    with serving(until_close(PLAIN[:1]), stay=True) as peer:
        seen, told = _read(peer, timeout_s=0.3)
    assert [chunk.text for chunk in seen.chunks] == TEXTS[:1]
    assert seen.completion == "timeout"
    assert told[0][0] == "TTFC"


def test_the_first_chunk_is_told_as_ttfc_the_others_as_gaps_and_the_end_as_the_stream() -> None:
    with serving(chunked(PLAIN)) as peer:
        seen, told = _read(peer)
    assert [what for what, *_ in told] == ["TTFC", "gap", "gap", "gap", "stream"]
    assert seen.request_ns is not None
    assert told[0][1] == (seen.chunks[0].arrival_ns - seen.request_ns) / 1e6
    assert [size_bytes for _, _, size_bytes, _ in told] == [
        *(len(text.encode()) for text in TEXTS),
        len(chunked(PLAIN)),
    ]
    assert {error for *_, error in told} == {None}


def test_a_stream_that_came_back_is_told_as_one() -> None:
    """The first chunk of the second response ends a gap: to its reader it is one stream."""
    told: Told = []
    first, again = StreamSeen(1, 0, request_ns=0, end_ns=90_000_000), StreamSeen(1, 0)
    first.reads, again.reads = [ReadRow(0, 100, None, 0)], [ReadRow(0, 40, None, 0)]
    teller = Teller(first, lambda *event: told.append(event))
    first.chunks = [ChunkRow(1, "a", 10_000_000, 1), ChunkRow(2, "b", 30_000_000, 1)]
    teller.tell_chunks()
    first.returns.append(again)
    teller.comes_back()
    again.chunks = [ChunkRow(1, "c", 80_000_000, 1)]
    teller.tell_chunks()
    first.completion = "done"
    teller.tell_end()
    assert told == [
        ("TTFC", 10.0, 1, None), ("gap", 20.0, 1, None), ("gap", 50.0, 1, None), ("stream", 90.0, 140, None),
    ]  # fmt: skip


def test_small_reads_cut_events() -> None:
    with serving(chunked(PLAIN)) as peer:
        seen, _ = _read(peer, read_size="5B")
    assert {read.size_bytes for read in seen.reads} <= set(range(1, 6))
    assert [chunk.text for chunk in seen.chunks] == TEXTS


ENDS: dict[str, tuple[bytes, bool, Completion, str | None]] = {
    "announced": (chunked([*PLAIN, b"data: [DONE]\n\n"]), False, "done", None),
    "clean, without a word": (chunked(PLAIN), False, "closed", None),
    "cut off": (chunked(PLAIN, end=False), False, "truncated", "the stream ended as truncated"),
    "reset": (chunked(PLAIN, end=False), True, "reset", "Connection reset by peer"),
    "not found": (b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno", False, "closed", "answered with status 404"),
    "no event in it": (sized([b"<html></html>\n\n"]), False, "closed", "without a chunk"),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n", False, "error", "check that the port speaks HTTP/1.1"),
}


@pytest.mark.parametrize(("response", "reset", "completion", "reason"), ENDS.values(), ids=ENDS)
def test_how_a_stream_ended(response: bytes, reset: bool, completion: Completion, reason: str | None) -> None:
    with serving(response, reset=reset) as peer:
        seen, told = _read(peer)
    what, _, _, error = told[-1]
    assert (what, seen.completion) == ("stream", completion)
    assert (error is None) == (reason is None)
    assert str(error) == str(failure(seen))
    assert reason is None or reason in str(error)


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        seen, told = _read(Peer(bound.getsockname()))
    assert (seen.completion, seen.request_ns) == ("error", None)
    assert seen.error == f"connecting to 127.0.0.1:{bound_port(seen.error)}: Connection refused"
    assert [what for what, *_ in told] == ["stream"]


def bound_port(error: str | None) -> str:
    assert error is not None
    return error.split(":")[1]


@pytest.mark.parametrize(
    ("trusted", "completion"), [(True, "closed"), (False, "error")], ids=["trusted", "not trusted"]
)
def test_tls(trusted: bool, completion: Completion, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    if trusted:
        authority.configure_trust(ours)
    monkeypatch.setattr(connection, "_tls", lambda: ours)
    with serving(until_close(PLAIN), tls=theirs) as peer:
        seen, _ = _read(peer, scheme="https")
    assert seen.completion == completion
    assert [chunk.text for chunk in seen.chunks] == (TEXTS if trusted else [])
    assert trusted or "certificate" in (seen.error or "")


def test_a_user_that_is_stopped_leaves_a_stopped_stream() -> None:
    seen = StreamSeen(stream=1, due_ns=0)
    with pytest.raises(KeyboardInterrupt), ending(seen):
        raise KeyboardInterrupt
    assert seen.completion == "stopped"
    assert seen.end_ns is not None


def test_the_options_of_the_socket_are_read_back() -> None:
    with serving(chunked(PLAIN)) as peer:
        seen = StreamSeen(stream=1, due_ns=0)
        spec = ClientSpec.model_validate({"rcvbuf": "8KiB"})
        with closing(Connection(Origin("http", *peer.address), spec, seen, 5)) as opened:
            opened._sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert opened.settings["SO_RCVBUF"][0] == 8192
            assert opened.settings["TCP_NODELAY"] == (1, 1)
