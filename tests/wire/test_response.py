"""Framing out, response in: every body byte comes back, each with the offset at which it really stands."""

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ProtocolError, UsageError
from lab.wire.framing import framing
from lab.wire.response import Ending, Piece, ResponseReader
from lab.wire.sse import encode
from lab.wire.stream import StreamReader, begun_body

HEAD = {
    "chunked": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
}
CHUNKED = HEAD["chunked"]
CLOSE = HEAD["close"]
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def framed(name: str, bodies: list[bytes]) -> bytes:
    frames = framing(name)
    parts = [HEAD[name]]
    for body in bodies:
        header, trailer = frames.wrap(body)
        parts += [header, body, trailer]
    return b"".join([*parts, frames.end()])


def test_framings() -> None:
    assert framing("chunked").wrap(b"x" * 26) == (b"1a\r\n", b"\r\n")
    assert framing("chunked").wrap(b"") == (b"", b"")
    assert framing("chunked").end() == b"0\r\n\r\n"
    assert framing("close").wrap(b"x") == (b"", b"")
    assert framing("close").end() == b""
    with pytest.raises(UsageError, match="chunked or close"):
        framing("gzip")


# (name, bytes, body, complete before the connection ends, what its end means, trailing)
RESPONSES = [
    ("chunked", CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde", True, Ending.CLEAN, b""),
    ("chunked, sizes in both cases", CHUNKED + b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, True,
     Ending.CLEAN, b""),
    ("chunked, leading zeros", CHUNKED + b"0003\r\nabc\r\n000\r\n\r\n", b"abc", True, Ending.CLEAN, b""),
    ("chunked, extensions", CHUNKED + b'3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n', b"abc", True, Ending.CLEAN, b""),
    ("chunked, space after the size", CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", b"abc", True, Ending.CLEAN, b""),
    ("chunked, trailers", CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\nZ: w\r\n\r\n", b"abc", True, Ending.CLEAN, b""),
    ("chunked, CRLF in the data", CHUNKED + b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", True, Ending.CLEAN, b""),
    ("chunked, empty", CHUNKED + b"0\r\n\r\n", b"", True, Ending.CLEAN, b""),
    ("chunked, then another response", CHUNKED + b"1\r\na\r\n0\r\n\r\n" + SHORT, b"a", True, Ending.CLEAN, SHORT),
    ("chunked, cut before the last", CHUNKED + b"3\r\nabc\r\n", b"abc", False, Ending.TRUNCATED, b""),
    ("chunked, cut in the data", CHUNKED + b"3\r\nab", b"ab", False, Ending.TRUNCATED, b""),
    ("chunked, cut in the end", CHUNKED + b"1\r\na\r\n0\r\n", b"a", False, Ending.TRUNCATED, b""),
    ("chunked wins over a length", CHUNKED[:-2] + b"Content-Length: 99\r\n\r\n1\r\na\r\n0\r\n\r\n", b"a", True,
     Ending.CLEAN, b""),
    ("close", CLOSE + b"abc", b"abc", False, Ending.CLEAN, b""),
    ("close, empty", CLOSE, b"", False, Ending.CLEAN, b""),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc", False, Ending.CLEAN, b""),
    ("bare LF in the head", b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", b"abc", True, Ending.CLEAN, b""),
    ("no reason phrase", b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc", b"abc", True, Ending.CLEAN, b""),
    ("length", SHORT + b"abcde", b"abcde", True, Ending.CLEAN, b""),
    ("length, then more", SHORT + b"abcdefg", b"abcde", True, Ending.CLEAN, b"fg"),
    ("length, short", SHORT + b"abc", b"abc", False, Ending.TRUNCATED, b""),
    ("length zero", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True, Ending.CLEAN, b""),
    ("204 has no body", b"HTTP/1.1 204 No Content\r\n\r\nxyz", b"", True, Ending.CLEAN, b"xyz"),
    ("interim heads", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + SHORT + b"abcde",
     b"abcde", True, Ending.CLEAN, b""),
    ("only an interim head", b"HTTP/1.1 100 Continue\r\n\r\n", b"", False, Ending.TRUNCATED, b""),
    ("cut in the head", b"HTTP/1.1 200 OK\r\nConte", b"", False, Ending.TRUNCATED, b""),
    ("nothing", b"", b"", False, Ending.TRUNCATED, b""),
]  # fmt: skip


def feed_all(reader: ResponseReader, pieces: list[bytes]) -> list[Piece]:
    return [piece for data in pieces for piece in reader.feed(data)]


def read(pieces: list[bytes]) -> tuple[ResponseReader, list[Piece]]:
    reader = ResponseReader()
    return reader, feed_all(reader, pieces)


@pytest.mark.parametrize(
    ("stream", "body", "complete", "ending", "trailing"),
    [case[1:] for case in RESPONSES],
    ids=[case[0] for case in RESPONSES],
)
def test_response(stream: bytes, body: bytes, complete: bool, ending: Ending, trailing: bytes) -> None:
    splits = [[stream[:at], stream[at:]] for at in range(len(stream) + 1)]
    for pieces in [[stream], [bytes([byte]) for byte in stream], *splits]:
        reader, got = read(pieces)
        assert b"".join(piece.data for piece in got) == body
        assert all(piece.data and stream.startswith(piece.data, piece.offset) for piece in got)
        assert (reader.complete, reader.trailing) == (complete, trailing)
        assert reader.total_bytes + len(trailing) == len(stream) or reader.head_bytes is None
        assert reader.end_of_input() is ending


def test_head() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    final = b"HTTP/1.1 503 Busy\r\nX-One: a\r\nx-one: b\r\nRetry-After: 1\r\n\r\n"
    reader, _ = read([interim + final])
    assert reader.status == 503
    assert reader.headers == [("x-one", "a"), ("x-one", "b"), ("retry-after", "1")]
    assert reader.head_bytes == reader.total_bytes == len(interim + final)


BROKEN = [
    ("not HTTP", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "SSH-2.0"),
    ("HTTP/2 preface", b"\x00\x00\x12\x04\x00\n\n", "HTTP/1.1"),
    ("head without end", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, "65536"),
    ("head too long", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "65536"),
    ("unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"),
    ("lengths that differ", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "Content-Length"),
    ("size that is none", CHUNKED + b"xyz\r\n", "xyz"),
    ("size empty", CHUNKED + b"\r\n", "no chunk size"),
    ("size negative", CHUNKED + b"-1\r\n", "-1"),
    ("size with 0x", CHUNKED + b"0x3\r\n", "0x3"),
    ("size beyond 64 bits", CHUNKED + b"1" * 17 + b"\r\n", "hex digits"),
    ("size line without end", CHUNKED + b"3;" + b"a" * 70_000, "65536"),
    ("bare LF after the size", CHUNKED + b"3\nabc\r\n", "CRLF"),
    ("data longer than its size", CHUNKED + b"3\r\nabcd\r\n", "CRLF"),
    ("trailers without end", CHUNKED + b"0\r\n" + b"X: y\r\n" * 20_000, "CRLF"),
]


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
@pytest.mark.parametrize(("stream", "match"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_broken_response(stream: bytes, match: str, size: int) -> None:
    reader = ResponseReader()
    with pytest.raises(ProtocolError, match=match):
        feed_all(reader, [stream[at : at + size] for at in range(0, len(stream), size)])
    with pytest.raises(ProtocolError, match=match):
        reader.feed(b"0\r\n\r\n")


def cut_anywhere(stream: bytes, rng: random.Random) -> list[bytes]:
    ends = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(8)))
    return [stream[a:b] for a, b in zip([0, *ends], [*ends, len(stream)], strict=True)]


@pytest.mark.parametrize("name", ["chunked", "close"])
@given(bodies=st.lists(st.binary(max_size=30), max_size=8), rng=st.randoms(use_true_random=False))
def test_what_is_framed_is_read(name: str, bodies: list[bytes], rng: random.Random) -> None:
    stream = framed(name, bodies)
    reader, pieces = read(cut_anywhere(stream, rng))
    assert b"".join(piece.data for piece in pieces) == b"".join(bodies)
    assert all(stream.startswith(piece.data, piece.offset) for piece in pieces)
    assert (reader.complete, reader.total_bytes) == (name == "chunked", len(stream))
    assert reader.end_of_input() is Ending.CLEAN


# Response and events together. -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chunked", "close"])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10), max_size=6),
    rng=st.randoms(use_true_random=False),
)
def test_each_event_ends_where_its_last_byte_stands(name: str, texts: list[str], rng: random.Random) -> None:
    events = [encode(text) for text in texts]
    stream = framed(name, cut_anywhere(b"".join(events), rng))
    reader = StreamReader()
    arrived = [arrival for piece in cut_anywhere(stream, rng) for arrival in reader.feed(piece)]
    byte_by_byte, single = StreamReader(), []
    for at in range(len(stream)):
        single += [(arrival.event.data, at + 1) for arrival in byte_by_byte.feed(stream[at : at + 1])]
    assert [(arrival.event.data, arrival.end_offset) for arrival in arrived] == single
    assert [data for data, _ in single] == texts
    assert reader.end_of_input() is Ending.CLEAN


def test_end_offset_counts_head_and_frames() -> None:
    stream = framed("chunked", [b"data: a\n\n", b"data: b\n\nda", b"ta: c\n\n"])
    head = len(CHUNKED)
    reader = StreamReader()
    ends = [arrival.end_offset for arrival in reader.feed(stream)]
    assert ends == [head + 12, head + 26, head + 40]
    assert reader.response.status == 200


CODED = CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n"


def _flushed(bodies: list[bytes]) -> list[bytes]:
    """Each body as a proxy that compresses and flushes sends it, with the end of the coding behind the last."""
    compressor = zlib.compressobj(wbits=31)
    coded = [compressor.compress(body) + compressor.flush(zlib.Z_SYNC_FLUSH) for body in bodies]
    return [*coded, compressor.flush()]


def test_an_event_of_a_coded_body_ends_with_the_frame_that_completed_it() -> None:
    frames = [b"%x\r\n%s\r\n" % (len(part), part) for part in _flushed([b"data: a\n\nda", b"ta: b\n\n"])]
    stream = b"".join([CODED, *frames, b"0\r\n\r\n"])
    reader = StreamReader()
    arrived = reader.feed(stream)
    ends = [len(CODED) + sum(map(len, frames[:count])) - len(b"\r\n") for count in (1, 2)]
    assert [(each.event.data, each.end_offset) for each in arrived] == [("a", ends[0]), ("b", ends[1])]
    assert reader.end_of_input() is Ending.CLEAN


@given(rng=st.randoms(use_true_random=False))
def test_a_coded_body_in_any_pieces_gives_its_events(rng: random.Random) -> None:
    texts = [f"token {number}" for number in range(20)]
    coded = gzip.compress(b"".join(encode(text) for text in texts))
    head = CLOSE[:-2] + b"content-encoding: GZIP\r\n\r\n"
    reader = StreamReader()
    arrived = [each.event.data for part in cut_anywhere(head + coded, rng) for each in reader.feed(part)]
    assert arrived == texts


@pytest.mark.parametrize("cut", [0, 30])
def test_the_beginning_of_a_body_is_told_in_plain(cut: int) -> None:
    body = b"an error page, and what it says"
    head = CLOSE[:-2] + b"Content-Encoding: gzip\r\n\r\n"
    coded = _flushed([body])[0]
    assert begun_body(head + coded) == body == begun_body(CLOSE + body)
    assert body.startswith(begun_body(head + coded[: len(coded) - cut]))
    assert begun_body(head[:20]) == b""


def test_a_coding_that_is_not_known_is_refused() -> None:
    with pytest.raises(ProtocolError, match="'br'"):
        StreamReader().feed(CLOSE[:-2] + b"content-encoding: br\r\n\r\n")


ENDINGS = [
    ("all events whole", framed("close", [b"data: a\n\n"]), Ending.CLEAN),
    ("inside an event", framed("close", [b"data: a\n\ndata: b\n"]), Ending.TRUNCATED),
    ("inside an event, though the coding ended", framed("chunked", [b"data: a"]), Ending.TRUNCATED),
    ("between events, but before the last frame", framed("chunked", [b"data: a\n\n"])[:-5], Ending.TRUNCATED),
]


@pytest.mark.parametrize(("stream", "ending"), [case[1:] for case in ENDINGS], ids=[case[0] for case in ENDINGS])
def test_ending_of_a_stream(stream: bytes, ending: Ending) -> None:
    reader = StreamReader()
    reader.feed(stream)
    assert reader.end_of_input() is ending
