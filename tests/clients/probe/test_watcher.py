"""From a stranger's bytes to a probe's record: the same letters however they were cut, and each ending for what it is."""

import gzip
import itertools
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.arrivals import EndsIn
from lab.clients.probe import watcher as module
from lab.clients.probe.answers import why_no_stream
from lab.clients.probe.record import ProbeRecord
from lab.clients.probe.watcher import ProbeWatcher
from lab.errors import ProtocolError
from lab.trace.records import Completion
from lab.wire.openai import DONE, ChatStream
from lab.wire.sse import Decoder
from tests.clients.responses import HEAD, OPENAI, PLAIN, TEXTS, chunked, sized, until_close


@dataclass
class Watched:
    """What came of a response."""

    record: ProbeRecord
    completion: Completion
    typed: list[str]

    def texts(self) -> list[str]:
        """Of the chunks."""
        return [chunk.text for chunk in self.record.seen.chunks]


def watch(parts: list[bytes], method: str = "GET") -> Watched:
    """Each part is one read, at 100, 200, …"""
    record, typed = ProbeRecord(), list[str]()
    watcher = ProbeWatcher(record, method, typed.append)
    for number, part in enumerate(parts, start=1):
        watcher.read(part, number * 100)
    return Watched(record, watcher.end(), typed)


def _coded(name: str, body: list[bytes], *, level: int = 6) -> bytes:
    """Compressed and flushed after every event, without framing."""
    compressor = zlib.compressobj(level, wbits=31)
    pieces = [compressor.compress(event) + compressor.flush(zlib.Z_SYNC_FLUSH) for event in body]
    return HEAD + f"content-encoding: {name}\r\n\r\n".encode() + b"".join(pieces) + compressor.flush()


RESPONSES: dict[str, tuple[bytes, bool]] = {
    "plain, chunked": (chunked([*PLAIN, DONE]), False),
    "plain, with its length": (sized([*PLAIN, DONE]), False),
    "plain, until close": (until_close([*PLAIN, DONE]), False),
    "openai, chunked": (chunked(OPENAI), True),
    "openai, until close": (until_close(OPENAI), True),
    "openai, gzip": (_coded("gzip", OPENAI), True),
}


@pytest.mark.parametrize(("response", "typed"), RESPONSES.values(), ids=RESPONSES)
def test_every_split_gives_the_same_letters(response: bytes, typed: bool) -> None:
    whole = watch([response])
    assert whole.texts() == whole.typed == TEXTS
    assert (whole.record.typed, whole.record.streaming, whole.completion) == (typed, True, "done")
    for cut in range(1, len(response)):
        both = watch([response[:cut], response[cut:]])
        assert (both.texts(), both.completion) == (TEXTS, "done")
        assert both.record.data_lines == whole.record.data_lines
        if "gzip" not in str(response[:200]):
            assert [row.end for row in both.record.seen.chunks] == [row.end for row in whole.record.seen.chunks]


@pytest.mark.parametrize(("response", "typed"), RESPONSES.values(), ids=RESPONSES)
def test_byte_by_byte(response: bytes, typed: bool) -> None:
    single = watch([response[n : n + 1] for n in range(len(response))])
    assert (single.texts(), single.completion, single.record.typed) == (TEXTS, "done", typed)
    for letter, row in zip(single.record.letters, single.record.seen.chunks, strict=True):
        assert single.record.body_reads[letter.read].at_ns == row.arrival_ns == 100 * row.read_index
    assert sum(read.body_bytes for read in single.record.body_reads) <= len(response)


@given(st.lists(st.integers(1, 80), min_size=1))
def test_places_add_up(sizes: list[int]) -> None:
    response = chunked(PLAIN)
    cuts = [0, *itertools.takewhile(lambda at: at < len(response), itertools.accumulate(sizes)), len(response)]
    record = watch([response[a:b] for a, b in itertools.pairwise(cuts) if a < b]).record
    assert [row.size_bytes for row in record.seen.reads] == [b - a for a, b in itertools.pairwise(cuts) if a < b]
    assert sum(read.body_bytes for read in record.body_reads) == len(b"".join(PLAIN))
    begins = [0, *itertools.accumulate(read.body_bytes for read in record.body_reads)]
    ends = list(itertools.accumulate(map(len, PLAIN)))
    assert [begins[letter.read] + letter.reach_bytes for letter in record.letters] == ends
    assert [letter.frame for letter in record.letters] == [0, 1, 2, 3]


def test_letters_of_one_frame_share_it_and_a_body_without_frames_has_none() -> None:
    together = watch([chunked([b"".join(PLAIN[:2]), b"".join(PLAIN[2:])])])
    assert [letter.frame for letter in together.record.letters] == [0, 0, 1, 1]
    assert {letter.frame for letter in watch([until_close(PLAIN)]).record.letters} == {None}


ENDS: dict[str, tuple[bytes, EndsIn]] = {
    "a whole event": (b"data: a\n\n", EndsIn.EVENT),
    "a comment": (b"data: a\n\n: hello", EndsIn.MIDDLE),
    "a line": (b"data: a\n\ndata: b\n", EndsIn.LINE),
    "a line with CR": (b"data: a\r\rdata: b\r", EndsIn.LINE),
    "half a line": (b"data: a\n\ndata: b", EndsIn.MIDDLE),
}


@pytest.mark.parametrize(("body", "ends_in"), ENDS.values(), ids=ENDS)
def test_what_a_read_ends_in(body: bytes, ends_in: EndsIn) -> None:
    assert watch([until_close([body])]).record.body_reads[-1].ends_in is ends_in


ERROR = b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'
HALF_CHARACTER = "data: caf☕".encode()[:-1]
FINISH = ChatStream("x", 1, "m").finish("stop")
COMPLETIONS: dict[str, tuple[bytes, Completion, str | None]] = {
    "[DONE]": (chunked([*PLAIN, DONE]), "done", None),
    "a finish reason": (chunked([*OPENAI[:-2], FINISH]), "done", None),
    "a finish reason, and then cut off": (chunked([*OPENAI[:-2], FINISH], end=False), "done", None),
    "neither": (chunked(PLAIN), "closed", None),
    "closed between events": (until_close(PLAIN), "closed", None),
    "closed before the last frame": (chunked(PLAIN, end=False), "truncated", "its last frame is missing"),
    "below its length": (sized([*PLAIN, b"data: x\n\n"])[:-9], "truncated", "announced length"),
    "inside an event": (until_close([*PLAIN, b"data: x"]), "truncated", "ended inside an event"),
    "before a blank line": (until_close([*PLAIN, b"data: x\n"]), "truncated", "before the blank line"),
    "inside a UTF-8 character": (until_close([*PLAIN, HALF_CHARACTER]), "truncated", "inside a UTF-8 character"),
    "inside JSON": (until_close([*OPENAI[:3], OPENAI[3][:-9]]), "truncated", "inside its JSON"),
    "after half of the JSON": (chunked([*OPENAI[:3], b'data: {"choices": [{"del\n\n']), "truncated", "is not the JSON"),
    "an error in mid-stream": (chunked([*OPENAI[:3], ERROR]), "error", "overloaded"),
    "an error, and [DONE] all the same": (chunked([*OPENAI[:3], ERROR, DONE]), "error", "overloaded"),
    "an error at once": (chunked([ERROR]), "error", "overloaded"),
    "inside the head": (HEAD, "truncated", "head"),
    "nothing at all": (b"", "truncated", "head"),
}


@pytest.mark.parametrize(("response", "completion", "problem"), COMPLETIONS.values(), ids=COMPLETIONS)
def test_how_a_stream_ended(response: bytes, completion: Completion, problem: str | None) -> None:
    for parts in ([response] if response else [], [response[n : n + 1] for n in range(len(response))]):
        watched = watch(parts)
        assert watched.completion == completion
        assert (watched.record.problem is None) == (problem is None), watched.record.problem
        assert problem is None or problem in (watched.record.problem or "")


def _answer(status: str, kind: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{more}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANSWERS: dict[str, tuple[bytes, list[str]]] = {
    "401": (
        _answer("401 Unauthorized", "application/json", b'{"error": "no key"}'),
        ["401", "no key", "--api-key-env"],
    ),
    "404 without a body": (_answer("404 Not Found", "text/plain", b""), ["404", "empty body", "check the path"]),
    "429": (_answer("429 Too Many Requests", "text/plain", b"slow down"), ["429", "slow down", "wait"]),
    "500": (_answer("500 Oops", "text/html", b"<h1>Oops</h1>"), ["500", "<h1>Oops</h1>", "the server's fault"]),
    "500 that says it is a stream": (_answer("500 Oops", "text/event-stream", PLAIN[0]), ["500", "data: Wait"]),
    "a redirect": (_answer("302 Found", "text/html", b"", "location: /there\r\n"), ["302", "points to /there"]),
    "HTML": (_answer("200 OK", "text/html", b"<p>Hello\n  you</p>"), ["text/html", "<p>Hello you</p>"]),
    "one JSON answer": (_answer("200 OK", "application/json", b"{}"), ["application/json", "{}"]),
    "a stream without an event": (_answer("200 OK", "text/event-stream", b": hi\n\n"), ["without an event", ": hi"]),
    "a stream without a text": (_answer("200 OK", "text/event-stream", OPENAI[0]), ["1 events, none", "role"]),
    "a long page": (_answer("200 OK", "text/html", b"x" * 9000), [f"{'x' * 300}…"]),
}


@pytest.mark.parametrize(("response", "fragments"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_no_stream(response: bytes, fragments: list[str]) -> None:
    watched = watch([response])
    assert (watched.completion, watched.texts()) == ("closed", [])
    said = why_no_stream(watched.record) or ""
    assert [fragment for fragment in fragments if fragment not in said] == [], said
    assert len(said) < 500


def test_a_compressed_answer_is_shown_as_it_reads() -> None:
    body = gzip.compress(b"<p>Hello</p>")
    watched = watch([_answer("503 No", "text/html", body, "content-encoding: gzip\r\n")])
    assert "<p>Hello</p>" in (why_no_stream(watched.record) or "")


def test_a_stream_with_letters_needs_no_explanation() -> None:
    assert why_no_stream(watch([chunked(PLAIN)]).record) is None


def test_a_head_alone_is_the_whole_answer_to_a_head_request() -> None:
    record = ProbeRecord()
    watcher = ProbeWatcher(record, "HEAD", lambda _text: None)
    watcher.read(sized(PLAIN).partition(b"data")[0], 100)
    assert watcher.complete
    assert watcher.end() == "closed"


FORMATS: dict[str, tuple[list[bytes], bool, list[str]]] = {
    "chat chunks": (OPENAI, True, TEXTS),
    "chat chunks after one without choices": ([b'data: {"choices": [], "id": ""}\n\n', *OPENAI], True, TEXTS),
    "texts": (PLAIN, False, TEXTS),
    "any JSON": ([b'data: {"n": 1}\n\n', b"data: 2\n\n"], False, ['{"n": 1}', "2"]),
    "old completions": ([b'data: {"choices": [{"text": "a"}]}\n\n'], False, ['{"choices": [{"text": "a"}]}']),
    "choices that are none": ([b'data: {"choices": [3]}\n\n'], False, ['{"choices": [3]}']),
    "empty events": ([b"data:\n\n", b"data: a\n\n", b": heartbeat\n\n"], False, ["a"]),
}


@pytest.mark.parametrize(("events", "typed", "texts"), FORMATS.values(), ids=FORMATS)
def test_formats_are_told_apart(events: list[bytes], typed: bool, texts: list[str]) -> None:
    watched = watch([chunked(events)])
    assert (watched.record.typed, watched.texts()) == (typed, texts)


UNTERMINATED: dict[str, tuple[bytes, int, int]] = {
    "JSON lines": (b"".join(event[:-1] for event in OPENAI), 7, 7),
    "and one blank line at the end": (b"".join(event[:-1] for event in OPENAI) + b"\n", 7, 7),
    "CR LF": (b"".join(event.replace(b"\n\n", b"\r\n") for event in OPENAI), 7, 7),
    "lines of text": (b"data: a\ndata: b\ndata\ndatabase: x\n", 3, 0),
}


@pytest.mark.parametrize(("body", "lines", "whole"), UNTERMINATED.values(), ids=UNTERMINATED)
def test_lines_of_data_are_counted_though_no_event_comes_of_them(body: bytes, lines: int, whole: int) -> None:
    response = until_close([body])
    for parts in ([response], [response[n : n + 1] for n in range(len(response))]):
        record = watch(parts).record
        assert (record.data_lines, record.whole_lines) == (lines, whole)
        assert len(record.letters) <= 1


def test_characters_that_are_no_utf8_are_counted() -> None:
    watched = watch([chunked([b"data: caf\xc3\n\n", b"data: fine\n\n"])])
    assert (watched.record.damaged_chunks, watched.completion) == (1, "closed")


def test_an_endless_event_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Decoder", lambda: Decoder(1000))
    with pytest.raises(ProtocolError, match="blank line"):
        watch([until_close([b"data: " + b"x" * 2000])])


BOUNDS: dict[str, tuple[str, int, bytes, str]] = {
    "bytes": ("MAX_BYTES", 2000, until_close([b"data: x\n\n"] * 400), "more than"),
    "bytes unfolded": ("MAX_BYTES", 2000, _coded("gzip", [b": " + bytes(50_000) + b"\n\n"]), "unfolded"),
    "chunks": ("MAX_CHUNKS", 100, until_close([b"data: x\n\n"] * 400), "100 chunks"),
}


@pytest.mark.parametrize(("name", "limit", "response", "why"), BOUNDS.values(), ids=BOUNDS)
def test_an_endless_stream_is_bounded(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int, response: bytes, why: str
) -> None:
    monkeypatch.setattr(module, name, limit)
    record = ProbeRecord()
    watcher = ProbeWatcher(record, "GET", lambda _text: None)
    watcher.read(response, 100)
    assert why in (watcher.stopped or "")
    assert len(record.letters) == len(record.seen.chunks) <= 400
    if name == "MAX_CHUNKS":
        assert len(record.letters) == 100


def test_what_breaks_in_mid_read_leaves_a_record_that_holds_together() -> None:
    record = ProbeRecord()
    watcher = ProbeWatcher(record, "GET", lambda _text: None)
    with pytest.raises(ProtocolError):
        watcher.read(chunked(PLAIN, end=False) + b"zz\r\n", 100)
    assert all(letter.read < len(record.body_reads) for letter in record.letters)
