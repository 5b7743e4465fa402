"""Bad input, the same for every kind of client: what came is kept, the completion is right, and one line says what."""

import functools
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import pytest
import trio

from lab.clients import content as bounds
from lab.clients.content import Content
from lab.clients.kinds import runner
from lab.clients.locust.connection import Connection, Origin, encode_request
from lab.clients.locust.streaming import Teller, ending, failure, read_stream
from lab.clients.visit import Visit
from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.workload import WorkloadSpec
from lab.trace.records import Completion, StreamSeen
from tests.clients.locust.peer import serving
from tests.clients.peer import answer, server
from tests.clients.responses import HEAD, OPENAI, PLAIN, TEXTS, chunked, sized, until_close

KINDS = ("raw", "httpx", "httpx-sse", "locust")
PATIENCE_S = 60.0
MIB = 1024 * 1024


@dataclass(frozen=True)
class Bad:
    """A response, and what every client makes of it; `elsewhere`: what a kind of client makes of it that sees less."""

    response: bytes
    completion: Completion
    chunks: int
    said: str | None
    form: str = "plain"
    elsewhere: tuple[str, ...] = ()

    def expected(self, kind: str) -> "Bad":
        return self if kind not in self.elsewhere else ELSEWHERE[self.completion](self)


# httpx-sse drops an event that the end cut off without a word, and complains of a content type before anything is read.
ELSEWHERE: dict[Completion, Callable[[Bad], Bad]] = {
    "truncated": lambda bad: replace(bad, completion="closed"),
    "closed": lambda bad: replace(bad, completion="error", said="to contain 'text/event-stream', got 'text/html'"),
}


def refusal(status: int, body: bytes) -> bytes:
    head = b"HTTP/1.1 %d No\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    return head + body


HTML = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 12\r\n\r\n<p>Hello</p>"
ERROR = b'data: {"error": {"message": "GPU on\\nfire \\u001b[2J"}}\n\n'
CHUNKED_REFUSAL = b"HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{no \r\n4\r\nkey}\r\n0\r\n\r\n"

BAD: dict[str, Bad] = {
    "401 with a body": Bad(refusal(401, b"no key"), "closed", 0, "answered with status 401: no key"),
    "401, transfer-coded": Bad(CHUNKED_REFUSAL, "closed", 0, "answered with status 401: {no key}"),
    "429 without a body": Bad(refusal(429, b""), "closed", 0, "answered with status 429, with an empty body"),
    "500 with a page": Bad(refusal(500, b"<p>\n" * 4000), "closed", 0, "answered with status 500: <p> <p> <p>"),
    "HTML": Bad(HTML, "closed", 0, "answered with text/html and not with text/event-stream: <p>H", "plain", ("httpx-sse",)),
    "an empty stream": Bad(sized([]), "closed", 0, "the event stream ended without a chunk, with an empty body"),
    "comments only": Bad(sized([b": hi\n\n"]), "closed", 0, "the event stream ended without a chunk: : hi"),
    "cut off in a character": Bad(
        until_close([*PLAIN[:2], b"data: \xe2\x98"]), "truncated", 2, None, "plain", ("httpx-sse",)
    ),
    "complete, and yet inside an event": Bad(
        sized([*PLAIN[:2], b"data: half"]), "truncated", 2, None, "plain", ("httpx-sse",)
    ),
    "cut off in JSON": Bad(
        until_close([*OPENAI[:3], OPENAI[3][:-20]]), "truncated", 2, None, "openai", ("httpx-sse",)
    ),
    "an error object": Bad(
        chunked([*OPENAI[:3], ERROR]), "error", 2, "the stream has an error in it: GPU on fire ␛[2J", "openai"
    ),
    "an error object, then [DONE]": Bad(
        chunked([*OPENAI[:3], ERROR, OPENAI[-1]]), "error", 2, "the stream has an error in it: GPU", "openai"
    ),
    "an error object among plain events": Bad(
        chunked([*PLAIN[:2], ERROR]), "error", 2, "the stream has an error in it: GPU on fire"
    ),
    "an error object, then cut off": Bad(
        chunked([*PLAIN[:2], ERROR], end=False), "error", 2, "the stream has an error in it: GPU on fire"
    ),
    "an error object and nothing else": Bad(
        sized([b'data: {"error": "no such model"}\n\n']), "error", 0, "the stream has an error in it: no such model"
    ),
    "text that speaks of an error": Bad(sized([b'data: {"error": null}\n\n', *PLAIN[1:]]), "done", 4, None),
}  # fmt: skip


async def read(kind: str, response: bytes, form: str, *, planned: bool = True) -> StreamSeen:
    """What that kind of client sees of it. Locust's connection blocks, so it reads in a thread."""
    if kind == "locust":
        return await trio.to_thread.run_sync(functools.partial(_read_blocking, response, form, planned=planned))
    workload = WorkloadSpec.model_validate({"chunks": len(TEXTS), "format": form})
    client = ClientSpec.model_validate({"kind": kind})
    with trio.fail_after(PATIENCE_S):
        async with server(answer(response)) as address:
            visit = Visit(address, client, workload, RequestSpec(), "1/1", PATIENCE_S, own_server=planned)
            (seen,) = (await runner(kind)(visit)).streams
            return seen


def _read_blocking(response: bytes, form: str, *, planned: bool) -> StreamSeen:
    seen = StreamSeen(stream=1, due_ns=0)
    with serving(response) as peer:
        origin = Origin("http", *peer.address)
        content = Content(form == "openai", len(TEXTS) if planned else None)
        with ending(seen), closing(Connection(origin, ClientSpec(), seen, PATIENCE_S)) as opened:
            request = encode_request(origin, "GET", "/", {}, None)
            read_stream(opened, request, seen, content, Teller(seen, lambda *_event: None))
    return seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", BAD)
async def test_bad_input(case: str, kind: str) -> None:
    bad = BAD[case].expected(kind)
    seen = await read(kind, bad.response, bad.form)
    assert (seen.completion, len(seen.chunks)) == (bad.completion, bad.chunks), seen.error
    assert (seen.error is None) == (bad.said is None), seen.error
    assert (bad.said or "") in (seen.error or "")
    assert "\n" not in (seen.error or "")
    assert "\x1b" not in (seen.error or "")
    assert seen.end_ns is not None


@pytest.mark.parametrize("kind", ["raw", "httpx-sse"])  # the decoder that the others share, and one of its own
async def test_an_event_of_64_mib(kind: str) -> None:
    seen = await read(kind, sized([b"data: " + b"x" * 64 * MIB + b"\n\n", *PLAIN[1:]]), "plain")
    assert (seen.completion, [len(chunk.text) for chunk in seen.chunks[:2]]) == ("done", [64 * MIB, len(TEXTS[1])])


ENDLESS = {
    "in events": (HEAD + b"\r\n" + b"data: more\n\n" * 200_000, 1000, 1 << 60, "stopped reading: "),
    "in characters": (HEAD + b"\r\n" + (b"data: " + b"x" * 999 + b"\n\n") * 20_000, 1 << 60, MIB, "stopped reading: 1 Mi"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ENDLESS)
async def test_a_stream_that_nobody_planned_is_bounded(case: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is much more than the bound and what one read may bring beyond it."""
    response, events, characters, said = ENDLESS[case]
    monkeypatch.setattr(bounds, "MAX_EVENTS", events)
    monkeypatch.setattr(bounds, "MAX_CHARACTERS", characters)
    seen = await read(kind, response, "plain", planned=False)
    assert seen.completion == "stopped"
    assert (seen.error or "").startswith(said)
    assert sum(read.size_bytes for read in seen.reads) < len(response) / 4


def test_what_locust_counts_names_no_body() -> None:
    """Failures are counted by their words, and each body may have a number of its own in it."""
    seen = _read_blocking(refusal(500, b"request 123 failed"), "plain", planned=False)
    assert "request 123" in (seen.error or "")
    assert str(failure(seen)) == "answered with status 500"
