"""The table of event streams: what goes in, and what the WHATWG HTML standard (9.2.5, 9.2.6) says comes out.

Each expected event is (event, data, id, retry, end). Read by the tests of the decoder and by the comparison with httpx-sse.
"""

from typing import NamedTuple

Expected = tuple[str, str, str, int | None, int]


class Case(NamedTuple):
    """`last_event_id` and `retry_ms` are the decoder's afterwards, `pending` whether an event was left unfinished."""

    name: str
    stream: bytes
    events: list[Expected]
    last_event_id: str = ""
    retry_ms: int | None = None
    pending: bool = False


def said(data: str, end: int, event: str = "message", id: str = "", retry: int | None = None) -> Expected:  # noqa: A002
    """An event with the defaults left out."""
    return (event, data, id, retry, end)


LINE_ENDS = [
    Case("LF", b"data: a\n\n", [said("a", 9)]),
    Case("CR", b"data: a\r\r", [said("a", 9)]),
    Case("CRLF", b"data: a\r\n\r\n", [said("a", 10)]),
    Case("LF then CR", b"data: a\n\r", [said("a", 9)]),
    Case("CR then CRLF", b"data: a\r\r\n", [said("a", 9)]),
    Case("CRLF then CR", b"data: a\r\n\r", [said("a", 10)]),
    Case("CRLF then LF", b"data: a\r\n\n", [said("a", 10)]),
    Case("LF then CRLF", b"data: a\n\r\n", [said("a", 9)]),
    Case("LF CR is two line ends", b"data: a\n\rdata: b\n\n", [said("a", 9), said("b", 18)]),
    Case("two events in LF", b"data: a\n\ndata: b\n\n", [said("a", 9), said("b", 18)]),
    Case("two events in CRLF", b"data: a\r\n\r\ndata: b\r\n\r\n", [said("a", 10), said("b", 21)]),
    Case("two events in CR", b"data: a\r\rdata: b\r\r", [said("a", 9), said("b", 18)]),
    Case(
        "each event in its own", b"data: a\n\ndata: b\r\n\r\ndata: c\r\r", [said("a", 9), said("b", 19), said("c", 29)]
    ),
    Case("line ends mixed inside a block", b"data: a\rdata: b\ndata: c\r\n\n", [said("a\nb\nc", 26)]),
    Case("CRLF inside, LF blank", b"data: a\r\ndata: b\n\n", [said("a\nb", 18)]),
    Case("three LF", b"data: a\n\n\ndata: b\n\n", [said("a", 9), said("b", 19)]),
    Case("four LF", b"data: a\n\n\n\ndata: b\n\n", [said("a", 9), said("b", 20)]),
    Case("five LF at the end", b"data: a\n\n\n\n\n", [said("a", 9)]),
    Case("three CRLF", b"data: a\r\n\r\n\r\ndata: b\r\n\r\n", [said("a", 10), said("b", 23)]),
    Case("three CR", b"data: a\r\r\rdata: b\r\r", [said("a", 9), said("b", 19)]),
    Case("blank lines first", b"\n\n\ndata: a\n\n", [said("a", 12)]),
    Case("CRLF first", b"\r\ndata: a\r\n\r\n", [said("a", 12)]),
    Case("CR first", b"\rdata: a\n\n", [said("a", 10)]),
    Case("only blank lines", b"\n\n\n\n", []),
    Case("only CR", b"\r\r\r\r", []),
    Case("only CRLF", b"\r\n\r\n\r\n", []),
    Case("nothing", b"", []),
    Case("U+2028 is text", "data: a\u2028b\n\n".encode(), [said("a\u2028b", 13)]),
    Case("U+2029 is text", "data: a\u2029b\n\n".encode(), [said("a\u2029b", 13)]),
    Case("U+0085 is text", "data: a\x85b\n\n".encode(), [said("a\x85b", 12)]),
    Case("VT and FF are text", b"data: a\x0bb\x0cc\n\n", [said("a\x0bb\x0cc", 13)]),
    Case("FS, GS and RS are text", b"data: a\x1cb\x1dc\x1ed\n\n", [said("a\x1cb\x1dc\x1ed", 15)]),
]

DATA = [
    Case("no space after the colon", b"data:a\n\n", [said("a", 8)]),
    Case("of two spaces one stays", b"data:  a\n\n", [said(" a", 10)]),
    Case("a tab stays", b"data:\ta\n\n", [said("\ta", 9)]),
    Case("spaces at the end stay", b"data: a  \n\n", [said("a  ", 11)]),
    Case("a no-break space stays", "data:\u00a0a\n\n".encode(), [said("\u00a0a", 10)]),
    Case("only a space", b"data: \n\n", [said("", 8)]),
    Case("two spaces", b"data:  \n\n", [said(" ", 9)]),
    Case("colon and nothing", b"data:\n\n", [said("", 7)]),
    Case("no colon", b"data\n\n", [said("", 6)]),
    Case("no colon twice", b"data\ndata\n\n", [said("\n", 11)]),
    Case("empty line of data between", b"data: a\ndata:\ndata: b\n\n", [said("a\n\nb", 23)]),
    Case("empty line of data first", b"data:\ndata: a\n\n", [said("\na", 15)]),
    Case("empty line of data last", b"data: a\ndata:\n\n", [said("a\n", 15)]),
    Case("two lines", b"data: a\ndata: b\n\n", [said("a\nb", 17)]),
    Case("lines with and without space", b"data:a\ndata: b\ndata:  c\n\n", [said("a\nb\n c", 25)]),
    Case("the standard's stock quote", b"data: YHOO\ndata: +2\ndata: 10\n\n", [said("YHOO\n+2\n10", 30)]),
    Case("colons in the text", b"data: a:b: c\n\n", [said("a:b: c", 14)]),
    Case("a text that is a field", b"data: data: a\n\n", [said("data: a", 15)]),
    Case("a text that begins with a colon", b"data:: a\n\n", [said(": a", 10)]),
    Case("NUL in data stays", b"data: a\0b\n\n", [said("a\0b", 11)]),
    Case("the end of a stream", b"data: [DONE]\n\n", [said("[DONE]", 14)]),
    Case("JSON", b'data: {"a": "\\n"}\n\n', [said('{"a": "\\n"}', 19)]),
    Case("two lines twice", b"data: a\ndata: b\n\ndata: c\ndata: d\n\n", [said("a\nb", 17), said("c\nd", 34)]),
]

FIELDS = [
    Case("named", b"event: x\ndata: a\n\n", [said("a", 18, "x")]),
    Case("named after its data", b"data: a\nevent: x\n\n", [said("a", 18, "x")]),
    Case("named without space", b"event:x\ndata: a\n\n", [said("a", 17, "x")]),
    Case("named twice, the last counts", b"event: x\nevent: y\ndata: a\n\n", [said("a", 27, "y")]),
    Case("named, then named nothing", b"event: x\nevent\ndata: a\n\n", [said("a", 24)]),
    Case("an empty name is message", b"event:\ndata: a\n\n", [said("a", 16)]),
    Case("a name holds for one block", b"event: x\ndata: a\n\ndata: b\n\n", [said("a", 18, "x"), said("b", 27)]),
    Case("a name without data is dropped", b"event: x\n\ndata: a\n\n", [said("a", 19)]),
    Case("a name keeps its spaces", b"event:  x \ndata: a\n\n", [said("a", 20, " x ")]),
    Case("NUL in a name", b"event: x\0\ndata: a\n\n", [said("a", 19, "x\0")]),
    Case("a name in UTF-8", "event: é\ndata: a\n\n".encode(), [said("a", 19, "é")]),
    Case("unknown field", b"foo: bar\ndata: a\n\n", [said("a", 18)]),
    Case("unknown field without colon", b"foo\ndata: a\n\n", [said("a", 13)]),
    Case("unknown field alone", b"foo: bar\n\n", []),
    Case("field names are literal: case", b"Data: a\nDATA: b\nEvent: x\ndata: c\n\n", [said("c", 34)]),
    Case("field names are literal: space before", b" data: a\n\n", []),
    Case("field names are literal: space after", b"data : a\n\n", []),
    Case("field names are literal: longer", b"database: a\n\n", []),
    Case("field names are literal: shorter", b"dat: a\n\n", []),
    Case("a field of invalid bytes", b"\xff\xfe: x\ndata: a\n\n", [said("a", 15)]),
    Case("comment", b": hi\ndata: a\n\n", [said("a", 14)]),
    Case("comment without text", b":\ndata: a\n\n", [said("a", 11)]),
    Case("comment between", b"data: a\n:hi\ndata: b\n\n", [said("a\nb", 21)]),
    Case("comment that looks like data", b":data: a\n\n", []),
    Case("comment alone in its block", b": ping\n\ndata: a\n\n", [said("a", 17)]),
    Case("comments between events", b"data: a\n\n: ping\n\ndata: b\n\n", [said("a", 9), said("b", 26)]),
    Case(
        "comments between events in CRLF", b"data: a\r\n\r\n: p\r\n\r\ndata: b\r\n\r\n", [said("a", 10), said("b", 28)]
    ),
    Case("colon alone", b":\n\n", []),
]

IDS = [
    Case("id", b"id: 1\ndata: a\n\n", [said("a", 15, id="1")], "1"),
    Case("id after its data", b"data: a\nid: 1\n\n", [said("a", 15, id="1")], "1"),
    Case("id stays", b"id: 1\ndata: a\n\ndata: b\n\n", [said("a", 15, id="1"), said("b", 24, id="1")], "1"),
    Case("id changes", b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n", [said("a", 15, id="1"), said("b", 30, id="2")], "2"),
    Case("the last id of a block counts", b"id: 1\nid: 2\ndata: a\n\n", [said("a", 21, id="2")], "2"),
    Case("id without data", b"id: 1\n\n", [], "1"),
    Case("id without data stays", b"id: 1\n\ndata: a\n\n", [said("a", 16, id="1")], "1"),
    Case("id cleared by a colon", b"id: 1\ndata: a\n\nid:\ndata: b\n\n", [said("a", 15, id="1"), said("b", 28)]),
    Case("id cleared without colon", b"id: 1\ndata: a\n\nid\ndata: b\n\n", [said("a", 15, id="1"), said("b", 27)]),
    Case("id cleared without data", b"id: 1\n\nid\n\n", []),
    Case("id with NUL is ignored", b"id: a\0b\ndata: a\n\n", [said("a", 17)]),
    Case("id with NUL leaves the old", b"id: 1\ndata: a\n\nid: \0\n\n", [said("a", 15, id="1")], "1"),
    Case("id in UTF-8", "id: é\ndata: a\n\n".encode(), [said("a", 16, id="é")], "é"),
    Case("id with spaces", b"id:  1 \ndata: a\n\n", [said("a", 17, id=" 1 ")], " 1 "),
    Case("id of an unfinished block", b"id: 1\n", []),
    Case("id of an unfinished block leaves the old", b"id: 1\n\nid: 2\ndata: a\n", [], "1", pending=True),
    Case("the standard's ids", b": s\n\ndata: 1\nid: 1\n\ndata:2\nid\n\ndata:  3\n\n", [
        said("1", 20, id="1"), said("2", 31), said(" 3", 41)]),
]  # fmt: skip

RETRIES = [
    Case("retry", b"retry: 10\ndata: a\n\n", [said("a", 19, retry=10)], retry_ms=10),
    Case("retry without space", b"retry:10\ndata: a\n\n", [said("a", 18, retry=10)], retry_ms=10),
    Case(
        "retry is its block's own",
        b"retry: 10\ndata: a\n\ndata: b\n\n",
        [said("a", 19, retry=10), said("b", 28)],
        "",
        10,
    ),
    Case("retry without data", b"retry: 10\n\ndata: a\n\n", [said("a", 20)], retry_ms=10),
    Case("retry counts at its line's end", b"retry: 10\n", [], retry_ms=10),
    Case("the last retry counts", b"retry: 10\nretry: 20\ndata: a\n\n", [said("a", 29, retry=20)], retry_ms=20),
    Case("retry zero", b"retry: 0\ndata: a\n\n", [said("a", 18, retry=0)], retry_ms=0),
    Case("retry with leading zeros", b"retry: 0010\n\n", [], retry_ms=10),
    Case("retry beyond 64 bits", b"retry: 99999999999999999999\n\n", [], retry_ms=99999999999999999999),
    Case("retry empty", b"retry:\ndata: a\n\n", [said("a", 16)]),
    Case("retry without colon", b"retry\ndata: a\n\n", [said("a", 15)]),
    Case("retry negative", b"retry: -1\n\n", []),
    Case("retry with a sign", b"retry: +1\n\n", []),
    Case("retry with a fraction", b"retry: 1.5\n\n", []),
    Case("retry with an underscore", b"retry: 1_000\n\n", []),
    Case("retry with a unit", b"retry: 10ms\n\n", []),
    Case("retry with spaces", b"retry:  10\n\n", []),
    Case("retry with a space behind", b"retry: 10 \n\n", []),
    Case("retry in superscript digits", "retry: ²\n\n".encode(), []),
    Case("retry in Arabic digits", "retry: ١٢\n\n".encode(), []),
    Case("a bad retry leaves the good", b"retry: 10\nretry: x\ndata: a\n\n", [said("a", 28, retry=10)], retry_ms=10),
    Case("retry of more digits than a clock has", b"retry: " + b"9" * 5000 + b"\n\n", []),
]

ENCODING = [
    Case("BOM", b"\xef\xbb\xbfdata: a\n\n", [said("a", 12)]),
    Case("BOM alone", b"\xef\xbb\xbf", [], pending=True),
    Case("BOM before a blank line", b"\xef\xbb\xbf\ndata: a\n\n", [said("a", 13)]),
    Case("BOM before CRLF", b"\xef\xbb\xbf\r\ndata: a\r\n\r\n", [said("a", 15)]),
    Case("BOM before a comment", b"\xef\xbb\xbf: hi\ndata: a\n\n", [said("a", 17)]),
    Case("only one BOM goes", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    Case("BOM later is text", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [said("a", 9)]),
    Case("BOM in data is text", b"data: \xef\xbb\xbfa\n\n", [said("\ufeffa", 12)]),
    Case("half a BOM", b"\xef\xbbdata: a\n\ndata: b\n\n", [said("b", 20)]),
    Case("UTF-16's BOM", b"\xff\xfedata: a\n\ndata: b\n\n", [said("b", 20)]),
    Case("two bytes", "data: é\n\n".encode(), [said("é", 10)]),
    Case("three bytes", "data: €\n\n".encode(), [said("€", 11)]),
    Case("four bytes", "data: 🙂\n\n".encode(), [said("🙂", 12)]),
    Case("joined emoji", "data: 👩‍🔬\n\n".encode(), [said("👩‍🔬", 19)]),
    Case("several in one section", "data: é\n\ndata: €\n\ndata: a\n\n".encode(), [
        said("é", 10), said("€", 21), said("a", 30)]),
    Case("fields in UTF-8 in one section", "data: é\n\nevent: €\ndata: 🙂\n\n".encode(), [
        said("é", 10), said("🙂", 33, "€")]),
    Case("a byte that is none", b"data: a\xffb\n\n", [said("a\ufffdb", 11)]),
    Case("a lone continuation", b"data: a\x80b\n\n", [said("a\ufffdb", 11)]),
    Case("a sequence cut by the line's end", b"data: \xe2\x82\n\n", [said("\ufffd", 10)]),
    Case("a sequence cut by text", b"data: \xe2\x82a\n\n", [said("\ufffda", 11)]),
    Case("four bytes cut after three", b"data: \xf0\x9f\x99\n\n", [said("\ufffd", 11)]),
    Case("a sequence not joined over lines", b"data: \xe2\x82\ndata: \xac\n\n", [said("\ufffd\n\ufffd", 18)]),
    Case("an overlong slash", b"data: \xc0\xaf\n\n", [said("\ufffd\ufffd", 10)]),
    Case("a surrogate", b"data: \xed\xa0\x80\n\n", [said("\ufffd\ufffd\ufffd", 11)]),
    Case("beyond U+10FFFF", b"data: \xf4\x90\x80\x80\n\n", [said("\ufffd\ufffd\ufffd\ufffd", 12)]),
    Case("invalid bytes and then more events", b"data: \xff\n\ndata: b\n\n", [said("\ufffd", 9), said("b", 18)]),
]  # fmt: skip

UNFINISHED = [
    Case("no line end", b"data: a", [], pending=True),
    Case("no blank line", b"data: a\n", [], pending=True),
    Case("no blank line in CRLF", b"data: a\r\n", [], pending=True),
    Case("an event and half of one", b"data: a\n\ndata: b\n", [said("a", 9)], pending=True),
    Case("an event and part of a line", b"data: a\n\nda", [said("a", 9)], pending=True),
    Case("an event and half of one in CRLF", b"data: a\r\n\r\ndata: b\r\n", [said("a", 10)], pending=True),
    Case("an event and half of one, mixed", b"data: a\r\n\ndata: b\n", [said("a", 10)], pending=True),
    Case("only a name is nothing to lose", b"event: x\n", []),
]

CASES = LINE_ENDS + DATA + FIELDS + IDS + RETRIES + ENCODING + UNFINISHED
