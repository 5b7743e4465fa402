"""How a response's body is delimited: by transfer-coding, or by the end of the connection.

The one rule: a framing only adds bytes around the body and never holds or cuts it, so the server may send the parts in
as many writes as its mode says. It works on a piece that the flush policy let go, between `emit` and `write`.
"""

from typing import Protocol

from lab.errors import UsageError


class Framing(Protocol):
    """What the server needs from a framing."""

    def wrap(self, body: bytes) -> tuple[bytes, bytes]:
        """(frame header, trailer) to send before and after this piece of the body."""
        ...

    def whole(self, body: bytes) -> bytes:
        """This piece between its frame header and its trailer, which `wrap` gives apart."""
        ...

    def end(self) -> bytes:
        """What says that the body is complete."""
        ...


class Chunked:
    """The chunked transfer-coding of RFC 9112 section 7.1: each piece is one of its frames, without extensions."""

    def wrap(self, body: bytes) -> tuple[bytes, bytes]:
        """Nothing around nothing: a frame of size zero would end the body."""
        return (b"%x\r\n" % len(body), b"\r\n") if body else (b"", b"")

    def whole(self, body: bytes) -> bytes:
        """In one go: joining three parts costs twice as much."""
        return b"%x\r\n%b\r\n" % (len(body), body) if body else b""

    def end(self) -> bytes:
        """The last frame, of size zero, and an empty trailer section."""
        return b"0\r\n\r\n"


class Close:
    """No framing: the end of the connection ends the body (RFC 9112 section 6.3, rule 8)."""

    def wrap(self, body: bytes) -> tuple[bytes, bytes]:
        """Nothing."""
        return b"", b""

    def whole(self, body: bytes) -> bytes:
        """The body."""
        return body

    def end(self) -> bytes:
        """Nothing: the caller closes."""
        return b""


_FRAMINGS: dict[str, type[Framing]] = {"chunked": Chunked, "close": Close}


def framing(name: str) -> Framing:
    """The framing of that name in a scenario's `server.framing`. Raises UsageError for an unknown one."""
    try:
        return _FRAMINGS[name]()
    except KeyError:
        raise UsageError(
            f"choosing the framing {name!r}: there is none of that name; use {' or '.join(_FRAMINGS)}"
        ) from None
