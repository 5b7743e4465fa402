"""The decoder says what the standard says, however the bytes are cut; the encoder writes what the decoder reads."""

import gc
import random
import time
from collections.abc import Callable, Iterable

import pytest
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ProtocolError
from lab.wire.sse import Decoder, Event, comment, encode
from tests.wire.sse_cases import CASES, Case


def feed_all(pieces: Iterable[bytes], decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or Decoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def cut(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_the_table_has_no_case_twice() -> None:
    assert len(CASES) > 100
    assert len({case.name for case in CASES}) == len({case.stream for case in CASES}) == len(CASES)


def check(case: Case, pieces: list[bytes]) -> None:
    decoder = Decoder()
    events = feed_all(pieces, decoder)
    assert [tuple(event) for event in events] == case.events
    assert (decoder.last_event_id, decoder.retry_ms) == (case.last_event_id, case.retry_ms)
    assert decoder.pending == case.pending


@each_case
def test_whole(case: Case) -> None:
    check(case, [case.stream])


@each_case
def test_byte_by_byte(case: Case) -> None:
    check(case, cut(case.stream, 1))


@each_case
def test_at_every_split(case: Case) -> None:
    for at in range(min(len(case.stream), 200) + 1):
        check(case, [case.stream[:at], case.stream[at:]])


@each_case
def test_with_events_before_and_after(case: Case) -> None:
    """Nothing of a case depends on its being first (but the BOM, which is), and it leaves nothing behind."""
    if case.stream.startswith(b"\xef") or case.pending or not case.events:
        return
    before, after = b"data: 0\n\n", b"\n\ndata: 9\n\n"
    events = feed_all([before + case.stream + after])
    shifted = [(*event[:4], event[4] + len(before)) for event in case.events]
    assert [tuple(event) for event in events[:-1]] == [("message", "0", "", None, 9), *shifted]
    assert events[-1].data == "9"


FRAGMENTS = [
    b"data", b": ", b":", b" ", b"a", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b"event: x", b"id: 1", b"id", b"retry: 7",
    b"data: tok\n\n", b"data: tok\r\n\r\n", b": c\n\n", b"\xef\xbb\xbf", "é€🙂".encode(), b"\xe2", b"\x80", b"\0",
]  # fmt: skip
streams = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)


@given(streams, st.randoms(use_true_random=False))
def test_any_splitting_gives_the_same_events(stream: bytes, rng: random.Random) -> None:
    ends = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(6)))
    pieces = [stream[a:b] for a, b in zip([0, *ends], [*ends, len(stream)], strict=True)]
    whole = feed_all([stream])
    assert feed_all(pieces) == whole
    assert feed_all(cut(stream, 1)) == whole


def standard(stream: bytes) -> list[tuple[str, str, str]]:
    """The standard's algorithm, sentence by sentence and with no thought of speed: (event, data, id)."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]
    data, name, last_id, events = "", "", "", []
    for line in lines:
        field, _, value = line.partition(":")
        value = value[1:] if value[:1] == " " else value
        if not line:
            if data:
                events.append((name or "message", data[:-1], last_id))
            data = name = ""
        elif field == "data":
            data += value + "\n"
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            last_id = value
    return events


@given(streams)
def test_as_the_plain_reading_of_the_standard(stream: bytes) -> None:
    assert [event[:3] for event in feed_all([stream])] == standard(stream)


def test_each_event_is_complete_at_its_end_and_not_before() -> None:
    stream = b"".join(case.stream + b"\n\n" for case in CASES)
    decoder = Decoder()
    for at in range(len(stream)):
        assert all(event.end == at + 1 for event in decoder.feed(stream[at : at + 1]))


def peer_events(stream: bytes) -> list[tuple[str, str, str]]:
    """httpx-sse. It dispatches blocks without data as well, and knows neither BOM nor the end of a lone CR."""
    lines, decoder = SSELineDecoder(), SSEDecoder()
    events = [decoder.decode(line) for line in lines.decode(stream.decode("utf-8", "replace")) + lines.flush()]
    return [(event.event, event.data, event.id) for event in events if event is not None and event.data]


PEER_AGREES = [case for case in CASES if b"\xef\xbb\xbf" not in case.stream and all(event[1] for event in case.events)]


@pytest.mark.parametrize("case", PEER_AGREES, ids=lambda case: case.name)
def test_httpx_sse_says_the_same_where_it_follows_the_standard(case: Case) -> None:
    assert [event[:3] for event in feed_all([case.stream])] == peer_events(case.stream)


# The bound. ------------------------------------------------------------------------------------------------------------

BOUNDED = [
    ("a line without end", b"data: " + b"x" * 200, True),
    ("a long event", b"data: " + b"x" * 200 + b"\n\n", True),
    ("many lines", b"data: x\n" * 20, True),
    ("many lines in CRLF", b"data: x\r\n" * 20 + b"\r\n", True),
    ("many comments", b": x\n" * 40, True),
    ("one byte too many", b"data: " + b"x" * 93 + b"\n\n", True),
    ("just fits", b"data: " + b"x" * 92 + b"\n\n", False),
    ("just fits with fields", b"event: x\ndata: " + b"x" * 83 + b"\n\n", False),
    ("just fits in CRLF, but for the last LF", b"data: " + b"x" * 91 + b"\r\n\r\n", False),
    ("the LF of CRLF counts to the next block", b"data: x\r\n\r\ndata: " + b"x" * 91 + b"\r\n\r\n", True),
    ("just fits after CRLF", b"data: x\r\n\r\ndata: " + b"x" * 90 + b"\r\n\r\n", False),
    ("many small events", b"data: x\n\n" * 100, False),
    ("many small events in CRLF", b"data: x\r\n\r\n" * 100, False),
    ("many small blocks", b"event: x\ndata: x\n\n" * 100, False),
]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
@pytest.mark.parametrize(("stream", "fails"), [case[1:] for case in BOUNDED], ids=[case[0] for case in BOUNDED])
def test_bound(stream: bytes, fails: bool, size: int) -> None:
    decoder = Decoder(max_event_bytes=100)
    if not fails:
        assert feed_all(cut(stream, size), decoder) == feed_all([stream])
        return
    with pytest.raises(ProtocolError, match="100 are allowed") as first:
        feed_all(cut(stream, size), decoder)
    with pytest.raises(ProtocolError) as again:
        decoder.feed(b"\n\ndata: a\n\n")
    assert str(again.value) == str(first.value)


# Cost. Sixteen times the bytes may take 64 times as long, four times what is linear; quadratic work would take 256. ----

LOADS: list[tuple[str, int, Callable[[int], Iterable[bytes]]]] = [
    ("one line in 1 KiB pieces", 1_000, lambda n: [b"data: ", *[b"x" * 1024] * n, b"\n\n"]),
    ("one line byte by byte", 5_000, lambda n: [b"data: ", *[b"x"] * n, b"\n\n"]),
    ("many data lines in one piece", 5_000, lambda n: [b"data: x\n" * n + b"\n"]),
    ("many data lines in 1 KiB pieces", 5_000, lambda n: cut(b"data: x\n" * n + b"\n", 1024)),
    ("many data lines in CRLF", 5_000, lambda n: cut(b"data: x\r\n" * n + b"\r\n", 1000)),
    ("tiny events in 1 KiB pieces", 5_000, lambda n: cut(b"data: tok\n\n" * n, 1024)),
    ("tiny events byte by byte", 600, lambda n: cut(b"data: tok\n\n" * n, 1)),
    ("lone CR in one piece", 5_000, lambda n: [b"data: x\r\r" * n]),
    ("lone CR, then one LF", 5_000, lambda n: [b"data: x\r\r" * n + b"\n"]),
    ("LF, then one CR", 5_000, lambda n: [b"data: x\n\n" * n + b"\r"]),
    ("blank lines in one piece", 10_000, lambda n: [b"\n" * n]),
    ("blank lines in small pieces", 10_000, lambda n: cut(b"\r\n" * n, 7)),
]


def seconds(pieces: list[bytes]) -> float:
    """The least CPU time of three, without the garbage collector, whose own work is not linear."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            begin = time.process_time()
            feed_all(pieces)
            best = min(best, time.process_time() - begin)
    finally:
        gc.enable()
    return best


@pytest.mark.parametrize(("n", "load"), [case[1:] for case in LOADS], ids=[case[0] for case in LOADS])
def test_cost_grows_with_the_bytes(n: int, load: Callable[[int], Iterable[bytes]]) -> None:
    few, many = seconds(list(load(n))), seconds(list(load(16 * n)))
    assert many < 64 * max(few, 1e-4)


def test_64_mib_in_one_event_is_allowed() -> None:
    pieces = [b"data: ", *[b"x" * (1 << 20)] * 64, b"\n\n"]
    [event] = feed_all(pieces)
    assert len(event.data) == 64 << 20


# The encoder. ----------------------------------------------------------------------------------------------------------

ENCODED = [
    ("plain", encode("tok"), b"data: tok\n\n"),
    ("a leading space survives", encode(" tok"), b"data:  tok\n\n"),
    ("empty", encode(""), b"data: \n\n"),
    ("LF", encode("a\nb"), b"data: a\ndata: b\n\n"),
    ("CR and CRLF", encode("a\rb\r\nc"), b"data: a\ndata: b\ndata: c\n\n"),
    ("a line end at the end", encode("a\n"), b"data: a\ndata: \n\n"),
    ("U+2028 ends no line", encode("a\u2028b"), "data: a\u2028b\n\n".encode()),
    ("every field", encode("a", event="x", id="1", retry_ms=9), b"event: x\nid: 1\nretry: 9\ndata: a\n\n"),
    ("an empty id clears", encode("a", id=""), b"id: \ndata: a\n\n"),
    ("comment", comment("ping"), b": ping\n\n"),
    ("comment of two lines", comment("a\r\nb"), b": a\n: b\n\n"),
]


@pytest.mark.parametrize(("encoded", "expected"), [case[1:] for case in ENCODED], ids=[case[0] for case in ENCODED])
def test_encode(encoded: bytes, expected: bytes) -> None:
    assert encoded == expected


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("LF in event", lambda: encode("a", event="x\ny"), "event"),
    ("CR in event", lambda: encode("a", event="x\ry"), "event"),
    ("LF in id", lambda: encode("a", id="1\n"), "id"),
    ("CR in id", lambda: encode("a", id="1\r"), "id"),
    ("NUL in id", lambda: encode("a", id="\0"), "NUL"),
    ("negative retry", lambda: encode("a", retry_ms=-1), "retry"),
    ("lone surrogate", lambda: encode("\ud800"), "surrogates"),
]


@pytest.mark.parametrize(("call", "match"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_encode_refuses(call: Callable[[], bytes], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()


texts = st.text(st.characters(exclude_categories=["Cs"]))
one_line = texts.map(lambda text: "".join(c for c in text if c not in "\r\n\0"))


@given(texts, st.none() | one_line, st.none() | one_line, st.none() | st.integers(0, 10**9))
def test_what_is_encoded_is_decoded(data: str, event: str | None, event_id: str | None, retry_ms: int | None) -> None:
    encoded = encode(data, event=event, id=event_id, retry_ms=retry_ms)
    expected = (
        event or "message",
        data.replace("\r\n", "\n").replace("\r", "\n"),
        event_id or "",
        retry_ms,
        len(encoded),
    )
    assert [tuple(got) for got in feed_all([encoded])] == [expected]


@given(texts)
def test_a_comment_says_nothing(text: str) -> None:
    assert [event.data for event in feed_all([comment(text) + encode("a")])] == ["a"]
