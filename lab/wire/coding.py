"""Content codings taken off again, piece by piece (RFC 9110 section 8.4): identity, gzip and deflate.

The rule: what a piece allows to be decoded is decoded at once, as a browser does it, and never more than `PART_BYTES` at a
time, so that a small piece cannot become a large memory. Offsets of a coded body count its coded bytes.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

from lab.errors import ProtocolError

PART_BYTES = 256 * 1024

# zlib's window sizes: 16 + 15 reads a gzip header, 15 a zlib one, −15 neither.
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Coding(Protocol):
    """Coded bytes in, plain bytes out."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes that this piece completes, in parts. Raises ProtocolError."""
        ...


class Identity:
    """None."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """See `Coding.decode`."""
        yield data


class Deflated:
    """gzip, or deflate in both of the forms in which it is sent: with zlib's header, as it should be, or without."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._inflate = zlib.decompressobj(_GZIP if gzip else _ZLIB)
        self._begun = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        """See `Coding.decode`."""
        if data and not self._begun:
            self._begun = True
            if not self._gzip and not _has_zlib_header(data):
                self._inflate = zlib.decompressobj(_RAW)
        while data:
            try:
                part = self._inflate.decompress(data, PART_BYTES)
            except zlib.error as error:
                raise ProtocolError(
                    f"decoding the body's content coding: {error}; ask for the body as it is, with Accept-Encoding: identity"
                ) from error
            if part:
                yield part
            data = self._inflate.unconsumed_tail or self._next_member()

    def _next_member(self) -> bytes:
        """A gzip body may have several members (RFC 1952 section 2.2), each a stream of its own."""
        rest = self._inflate.unused_data
        if self._inflate.eof and rest and self._gzip:
            self._inflate = zlib.decompressobj(_GZIP)
            return rest
        return b""


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950 section 2.2: method 8, and the first two bytes are a multiple of 31. One byte alone is believed."""
    return data[0] & 0x0F == 8 and (len(data) < 2 or (data[0] << 8 | data[1]) % 31 == 0)


def coding(name: str) -> Coding:
    """The coding of that Content-Encoding. Raises ProtocolError for one that is not known here."""
    match name.strip().lower():
        case "" | "identity":
            return Identity()
        case "gzip" | "x-gzip":
            return Deflated(gzip=True)
        case "deflate":
            return Deflated(gzip=False)
        case other:
            raise ProtocolError(
                f"decoding the body: its content coding is {other[:40]!r}, and only gzip and deflate are known here; "
                "ask for Accept-Encoding: identity, and if it still comes, find out who adds it"
            )
