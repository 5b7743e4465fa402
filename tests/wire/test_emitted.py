"""The comment by which somebody else's server dates its events: found whole, byte by byte and at every split."""

import itertools

import pytest

from lab.wire.emitted import EmitComments
from lab.wire.stream import StreamReader

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
CASES = {
    "none": (b"data: a\n\ndata: b\n\n", [None, None]),
    "each": (b": emit_ns=7\ndata: a\n\n: emit_ns=9\ndata: b\n\n", [7, 9]),
    "no space": (b":emit_ns=7\ndata: a\n\n", [7]),
    "CRLF": (b": emit_ns=7\r\ndata: a\r\n\r\n: emit_ns=8\r\ndata: b\r\n\r\n", [7, 8]),
    "some": (b"data: a\n\n: emit_ns=9\ndata: b\n\ndata: c\n\n", [None, 9, None]),
    "the last before its event": (b": emit_ns=7\n: emit_ns=8\ndata: a\n\n", [8]),
    "between the lines of one event": (b"data: a\n: emit_ns=7\ndata: b\n\n", [7]),
    "19 digits": (b": emit_ns=1234567890123456789\ndata: a\n\n", [1234567890123456789]),
    "too many digits": (b": emit_ns=12345678901234567890\ndata: a\n\n", [None]),
    "in the data": (b"data: x: emit_ns=7\n\ndata: : emit_ns=7\n\n", [None, None]),
    "another comment": (b": ping\n: emit=7\ndata: a\n\n", [None]),
    "a long line before": (b"data: " + b"x" * 100 + b": emit_ns=7\n\n: emit_ns=9\ndata: b\n\n", [None, 9]),
}


def emitted(parts: list[bytes]) -> list[int | None]:
    reader = StreamReader()
    return [arrived.emit_ns for part in [HEAD, *parts] for arrived in reader.feed(part)]


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_each_event_has_the_comment_before_it(body: bytes, expected: list[int | None]) -> None:
    assert emitted([body]) == expected
    assert emitted([bytes([byte]) for byte in body]) == expected
    for cut in range(1, len(body)):
        assert emitted([body[:cut], body[cut:]]) == expected, f"cut at {cut}"


def test_what_is_kept_between_pieces_is_bounded() -> None:
    comments = EmitComments()
    for _ in itertools.repeat(None, 1000):
        comments.feed(b"data: " + b"x" * 1000)
    assert len(comments._tail) < 100
