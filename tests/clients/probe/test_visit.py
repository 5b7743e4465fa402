"""A visit on the real loopback, to strangers that do one thing each: every ending named, nothing waited for in vain."""

import contextlib
import errno
import socket
import ssl
import threading
from itertools import pairwise

import pytest
import trio

from lab.clients.probe import visit as module
from lab.clients.probe.line import Tls
from lab.clients.probe.record import ProbeRecord
from lab.clients.probe.target import Ask, make_ask, parse_url
from lab.clients.probe.visit import Visit, make_visit
from lab.trace.records import Completion
from lab.wire.openai import DONE
from tests.clients.probe.stranger import (
    HEAD,
    KEEP,
    PATIENCE_S,
    Script,
    Stranger,
    holding,
    loopback_pem,
    resetting,
    saying,
    stranger,
)
from tests.clients.responses import OPENAI, PLAIN, TEXTS, chunked, sized, until_close


async def visit(ask: Ask, timeout_s: float = PATIENCE_S, *, kept_alive: bool = False) -> ProbeRecord:
    """Make it."""
    record = ProbeRecord()
    with trio.fail_after(2 * PATIENCE_S):
        await make_visit(Visit(ask, timeout_s, kept_alive), record, lambda _text: None)
    return record


def asking(url: str) -> Ask:
    """A plain GET."""
    return make_ask(parse_url(url), None, [], None, None)


def texts(record: ProbeRecord) -> list[str]:
    """Of the chunks."""
    return [chunk.text for chunk in record.seen.chunks]


async def test_what_a_visit_records() -> None:
    response = chunked([*PLAIN, DONE])
    with stranger(saying(response)) as server:
        record = await visit(asking(server.url))
    seen = record.seen
    assert (texts(record), seen.completion, seen.status, record.problem) == (TEXTS, "done", 200, None)
    assert server.requests[0].startswith(b"GET /stream HTTP/1.1\r\nhost: 127.0.0.1:")
    instants = [
        seen.connect_ns,
        seen.connected_ns,
        seen.request_ns,
        seen.first_byte_ns,
        seen.headers_ns,
        seen.chunks[0].arrival_ns,
        seen.end_ns,
    ]
    known = [instant for instant in instants if instant is not None]
    assert known == sorted(known)
    assert len(known) == len(instants)
    assert record.secured_ns is None
    assert seen.server_port == server.port
    assert sum(read.size_bytes for read in seen.reads) == len(response)


async def test_the_body_arrives_with_the_request() -> None:
    ask = make_ask(parse_url("http://127.0.0.1:1/x"), None, ["X-A: b"], b'{"stream": true}' * 50_000, "key")
    with stranger(saying(chunked(PLAIN))) as server:
        await visit(Ask(ask.method, parse_url(server.url), ask.fields, ask.body))
    assert server.requests[0].startswith(b"POST /stream HTTP/1.1\r\n")
    assert server.requests[0].endswith(b"\r\n\r\n" + b'{"stream": true}' * 50_000)
    assert b"authorization: Bearer key\r\n" in server.requests[0]


async def test_one_recv_is_one_read() -> None:
    """Each part is sent when the reader has told of the one before."""
    step = threading.Semaphore(0)

    def script(connection: socket.socket, _server: Stranger) -> None:
        connection.sendall(HEAD + b"\r\n")
        for event in PLAIN:
            assert step.acquire(timeout=PATIENCE_S)
            connection.sendall(event)

    record = ProbeRecord()
    with stranger(script) as server:
        step.release()
        with trio.fail_after(PATIENCE_S):
            await make_visit(Visit(asking(server.url), PATIENCE_S), record, lambda _text: step.release())
    assert [read.body_bytes for read in record.body_reads] == [len(event) for event in PLAIN]
    assert [letter.read for letter in record.letters] == [0, 1, 2, 3]
    assert all(late.read_ns > early.read_ns for early, late in pairwise(record.seen.reads))


ENDINGS: dict[str, tuple[Script, Completion, list[str], str | None]] = {
    "done": (saying(chunked(OPENAI)), "done", TEXTS, None),
    "done, and never closed": (saying(until_close([*PLAIN, DONE]), then=holding), "done", TEXTS, None),
    "a finish reason, and reset": (saying(chunked(OPENAI[:-1], end=False), then=resetting), "done", TEXTS, None),
    "closed without a sign": (saying(until_close(PLAIN)), "closed", TEXTS, None),
    "cut off": (saying(chunked(PLAIN, end=False)), "truncated", TEXTS, "last frame is missing"),
    "cut off in a character": (saying(HEAD + b"\r\ndata: \xe2\x98"), "truncated", [], "UTF-8 character"),
    "hung up": (saying(), "truncated", [], "before the response's head"),
    "reset": (saying(chunked(PLAIN, end=False), then=resetting), "reset", TEXTS, "was reset"),
    "no HTTP": (saying(b"SSH-2.0-OpenSSH\r\n\r\n"), "error", [], "speaks HTTP/1.1"),
    "a broken frame": (saying(chunked(PLAIN, end=False) + b"zz\r\n"), "error", [], "no chunk size"),
    "an unknown coding": (saying(HEAD + b"content-encoding: br\r\n\r\nxxx"), "error", [], "'br'"),
    "an error object": (
        saying(chunked([PLAIN[0], b'data: {"error": "no"}\n\n'])),
        "error",
        TEXTS[:1],
        "error in it: no",
    ),
    "401": (saying(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno"), "closed", [], None),
}


@pytest.mark.parametrize(("script", "completion", "letters", "problem"), ENDINGS.values(), ids=ENDINGS)
async def test_every_ending_is_named(
    monkeypatch: pytest.MonkeyPatch, script: Script, completion: Completion, letters: list[str], problem: str | None
) -> None:
    monkeypatch.setattr(module, "AFTER_DONE_S", 0.02)
    with stranger(script) as server:
        record = await visit(asking(server.url))
    assert (record.seen.completion, texts(record)) == (completion, letters), record.problem
    assert record.seen.end_ns is not None
    assert (record.problem is None) == (problem is None), record.problem
    assert problem is None or problem in (record.problem or "")


TIMEOUTS: dict[str, tuple[Script, str, int]] = {
    "never answers": (saying(then=holding), "waiting for the response", 0),
    "never starts": (saying(HEAD + b"\r\n", then=holding), "reading the response", 0),
    "stops": (saying(until_close(PLAIN), then=holding), "reading the response", 4),
    "stops in an event": (saying(until_close(PLAIN), b"data: x", then=holding), "reading the response", 4),
}


@pytest.mark.parametrize(("script", "stage", "chunks"), TIMEOUTS.values(), ids=TIMEOUTS)
async def test_patience_ends(script: Script, stage: str, chunks: int) -> None:
    with stranger(script) as server:
        record = await visit(asking(server.url), timeout_s=0.2)
    assert (record.seen.completion, len(record.letters)) == ("timeout", chunks)
    assert stage in (record.problem or "")
    assert "--timeout" in (record.problem or "")


async def test_silence_after_the_first_letter_is_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STALL_S", 0.05)
    with stranger(saying(until_close(PLAIN), then=holding)) as server:
        record = await visit(asking(server.url))
    assert (record.seen.completion, len(record.letters)) == ("timeout", 4)
    assert "stalled" in (record.problem or "")


async def test_an_endless_stream_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.clients.probe.watcher.MAX_BYTES", 100_000)

    def script(connection: socket.socket, server: Stranger) -> None:
        connection.sendall(HEAD + b"\r\n")
        while not server.over.is_set():
            connection.sendall(b"data: more\n\n" * 100)

    with stranger(script) as server:
        record = await visit(asking(server.url))
    assert record.seen.completion == "stopped"
    assert "stopped reading" in (record.problem or "")


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    record = await visit(asking(f"http://127.0.0.1:{port}/"))
    assert record.seen.completion == "error"
    assert f"127.0.0.1 port {port}: Connection refused" in (record.problem or "")
    assert record.seen.connected_ns is None
    assert record.arrivals().rtt_ns is None


async def test_every_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]

    async def getaddrinfo(_host: object, port: int, **_more: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", each)) for each in (closed, port)]

    monkeypatch.setattr(trio.socket, "getaddrinfo", getaddrinfo)
    with stranger(saying(chunked(PLAIN))) as server:
        record = await visit(asking(f"http://two.example:{server.port}/"))
    assert texts(record) == TEXTS


async def test_a_name_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(_host: object, _port: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(trio.socket, "getaddrinfo", getaddrinfo)
    record = await visit(asking("http://nowhere.example/"))
    assert record.seen.completion == "error"
    assert "cannot resolve 'nowhere.example': Name or service not known" in (record.problem or "")


def _answering_twice(*responses: bytes) -> Script:
    left = list(responses)

    def script(connection: socket.socket, _server: Stranger) -> bool:
        connection.sendall(left.pop(0))
        return KEEP

    return script


async def test_the_second_request_of_a_connection() -> None:
    with stranger(_answering_twice(chunked([b"data: first\n\n"]), sized([b"data: second\n\n"]))) as server:
        record = await visit(asking(server.url), kept_alive=True)
    assert texts(record) == ["second"]
    assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    "first",
    [until_close(PLAIN), chunked(PLAIN).replace(b"\r\n", b"\r\nconnection: close\r\n", 1)],
    ids=["close", "says so"],
)
async def test_a_connection_that_does_not_last_has_no_second_request(first: bytes) -> None:
    with stranger(saying(first)) as server:
        record = await visit(asking(server.url), kept_alive=True)
    assert (record.seen.completion, texts(record)) == ("error", [])
    assert "a second request on it is impossible" in (record.problem or "")


# ---- TLS


async def test_tls_hides_nothing_from_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(loopback_pem()))
    response = chunked([*PLAIN, DONE])
    with stranger(saying(*[response[n : n + 50] for n in range(0, len(response), 50)]), tls=True) as server:
        record = await visit(asking(server.url))
    assert (texts(record), record.seen.completion, record.problem) == (TEXTS, "done", None)
    assert record.secured_ns is not None
    assert record.seen.connected_ns is not None
    assert record.seen.request_ns is not None
    assert record.seen.connected_ns < record.secured_ns < record.seen.request_ns
    assert record.seen.completion == "done"


async def test_tls_with_a_body_that_ends_with_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(loopback_pem()))
    with stranger(saying(until_close(PLAIN)), tls=True) as server:
        record = await visit(asking(server.url))
    assert (texts(record), record.seen.completion) == (TEXTS, "closed")


async def test_a_certificate_that_nobody_vouches_for() -> None:
    with stranger(saying(chunked(PLAIN)), tls=True) as server:
        record = await visit(asking(server.url))
    assert (record.seen.completion, texts(record)) == ("error", [])
    assert "self-signed certificate" in (record.problem or "")
    assert "SSL_CERT_FILE" in (record.problem or "")
    assert server.requests == []


async def test_a_port_without_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        record = await visit(asking(f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join()
    assert record.seen.completion == "error"
    assert "does this port speak TLS?" in (record.problem or "")


async def test_a_peer_that_hangs_up_instead_of_a_handshake() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)

        thread = threading.Thread(target=answer)
        thread.start()
        record = await visit(asking(f"https://127.0.0.1:{listener.getsockname()[1]}/"))
        thread.join()
    assert record.seen.completion == "error"
    assert "does this port speak TLS?" in (record.problem or "")


def test_tls_in_any_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a socket: both ends in memory, the wire cut into single bytes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(loopback_pem()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(loopback_pem())
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(inside, outside, server_side=True)
    client = Tls("localhost")
    to_server, complete = client.shake(b"")
    while not complete:
        inside.write(to_server)
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        to_server, complete = client.shake(outside.read())
    inside.write(to_server)
    server.do_handshake()
    inside.write(client.seal(b"hello"))
    assert server.read(100) == b"hello"
    server.write(b"one")
    server.write(b"two")
    wire = outside.read()
    opened = [client.open(wire[n : n + 1]) for n in range(len(wire))]
    assert [plain for plain, _, _ in opened if plain] == [b"one", b"two"]
    assert not any(ended for _, _, ended in opened)
    with pytest.raises(ssl.SSLWantReadError):
        server.unwrap()
    assert client.open(outside.read())[2]


def test_errors_of_the_system_are_told_in_words() -> None:
    """Whatever the kernel says in mid-stream."""
    record = ProbeRecord(stage="reading the response")
    assert "reading the response: Network is unreachable" in module._in_words(
        OSError(errno.ENETUNREACH, "Network is unreachable"), record
    )
