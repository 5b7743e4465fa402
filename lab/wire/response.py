"""One HTTP/1.1 response as its reader sees it: head, body without its framing, and the offset of everything.

The one rule: no byte loses its place. Offsets count from the response's first byte, interim 1xx heads and the status line
included, because the packet record is joined by them. h11 parses the head; the body's framing is ours, since h11 does not
say where its data stood. It stands between `read` and `arrival`, and knows nothing of events.
"""

import re
from enum import Enum
from typing import NamedTuple

import h11

from lab.errors import ProtocolError
from lab.wire.body import Body, ChunkedBody, CloseBody, LengthBody

# As much as h11 and most servers grant; no head of an event stream comes near.
MAX_HEAD_BYTES = 64 * 1024

# h11's own rule for the end of a head, so that both always mean the same bytes (RFC 9112 section 2.2: a bare LF may do).
_HEAD_END = re.compile(rb"\n\r?\n")

_REQUEST = h11.Request(method="GET", target="/", headers=[("host", "lab")])


class Piece(NamedTuple):
    """A run of body bytes, unframed; `offset` is the place of its first byte in the response."""

    offset: int
    data: bytes


class Ending(Enum):
    """What the end of the connection means for a response. The values are those of the column `completion`."""

    CLEAN = "closed"
    TRUNCATED = "truncated"


class ResponseReader:
    """Reads one response in any pieces.

    `status`, `headers` (lower-case names) and `head_bytes` (all heads, up to the body) are known once the final head is in;
    `complete` says that the body's end was seen, `trailing` is what came after it, `total_bytes` counts the response alone.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[str, str]] = []
        self.head_bytes: int | None = None
        self.total_bytes = 0
        self._head = bytearray()
        self._searched_bytes = 0
        self._heads_bytes = 0
        self._body: Body = CloseBody()
        self._trailing = bytearray()
        self._failure: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the response is over: last frame read, Content-Length reached, or its connection cleanly ended."""
        return self._body.complete

    @property
    def trailing(self) -> bytes:
        """The bytes that came after the response's end, which belong to the connection's next one."""
        return bytes(self._trailing)

    def feed(self, data: bytes) -> list[Piece]:
        """The body bytes among these, in order.

        Raises ProtocolError for a head that is none or too long and for broken framing, and from then on always.
        """
        if self._failure is not None:
            raise ProtocolError(self._failure)
        try:
            return self._read(data)
        except ProtocolError as error:
            self._failure = str(error)
            raise

    def end_of_input(self) -> Ending:
        """The connection ended. TRUNCATED if a head, a length or a transfer-coding had announced more."""
        clean = self.head_bytes is not None and self._body.end_of_input()
        return Ending.CLEAN if clean else Ending.TRUNCATED

    def _read(self, data: bytes) -> list[Piece]:
        body = data if self.head_bytes is not None else self._read_heads(data)
        start = self.total_bytes + len(data) - len(body)
        runs, used_bytes = self._body.feed(body) if body else ([], 0)
        self.total_bytes = start + used_bytes
        if used_bytes < len(body):
            self._trailing += body[used_bytes:]
        return [Piece(start + index, run) for index, run in runs]

    def _read_heads(self, data: bytes) -> bytes:
        """Take heads until the final one; return the part of data behind it."""
        self._head += data
        while self.head_bytes is None:
            end = _HEAD_END.search(self._head, self._searched_bytes)
            if (end.end() if end else len(self._head)) > MAX_HEAD_BYTES:
                raise ProtocolError(
                    f"reading a response's head: no end of it within {MAX_HEAD_BYTES} bytes; it begins with "
                    f"{bytes(self._head[:40])!r}; check that the port speaks HTTP/1.1"
                )
            if end is None:
                self._searched_bytes = max(0, len(self._head) - 2)
                return b""
            self._take_head(bytes(self._head[: end.end()]))
            del self._head[: end.end()]
            self._searched_bytes = 0
        rest, self._head = bytes(self._head), bytearray()
        return rest

    def _take_head(self, head: bytes) -> None:
        event = _parse_head(head)
        self._heads_bytes += len(head)
        if isinstance(event, h11.InformationalResponse):
            return
        self.status = event.status_code
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
        self.head_bytes = self._heads_bytes
        self._body = _body_of(event.status_code, dict(self.headers))


def _parse_head(head: bytes) -> h11.InformationalResponse | h11.Response:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
    connection.send(_REQUEST)
    connection.receive_data(head)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise ProtocolError(
            f"reading a response's head that begins with {head[:40]!r}: {error}; check that the port speaks HTTP/1.1"
        ) from error
    assert isinstance(event, (h11.InformationalResponse, h11.Response))
    return event


def _body_of(status: int, headers: dict[str, str]) -> Body:
    """RFC 9112 section 6.3, rules 1, 4, 6 and 8; h11 has refused other codings and contradicting lengths already."""
    if status in (204, 304):
        return LengthBody(0)
    if "transfer-encoding" in headers:
        return ChunkedBody()
    if "content-length" in headers:
        return LengthBody(int(headers["content-length"]))
    return CloseBody()
