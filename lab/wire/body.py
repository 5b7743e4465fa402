"""Where a response's body lies: the reading side of the three ways to delimit one (RFC 9112 section 6.3).

The one rule: every run of the body keeps the place where it stood, whatever frames lay between. Chunk extensions and
trailer fields are read over, as section 7.1.1 and 7.1.2 allow; a size that is none is an error, never a guess. `response.py`
uses it between `read` and the event decoder.
"""

import re
from collections.abc import Callable
from typing import Protocol

from lab.errors import ProtocolError

# What h11 and most servers grant a whole head: a size line or a trailer section beyond it is an attack or a mistake.
MAX_SECTION_BYTES = 64 * 1024

# Sixteen hex digits are 2^64 - 1 bytes; the space before the line end is one that servers in the wild do send.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_PLAIN_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")


class Body(Protocol):
    """What the response reader needs from a body. `complete` says whether its end was seen."""

    complete: bool

    def feed(self, data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """([(index in data, run of the body), ...], number of bytes that belong to this response)."""
        ...

    def end_of_input(self) -> bool:
        """The connection ended: whether that is a clean end of this body."""
        ...


class LengthBody:
    """A body of `size_bytes`, as Content-Length or a status without a body said."""

    def __init__(self, size_bytes: int) -> None:
        self._left_bytes = size_bytes
        self.complete = size_bytes == 0

    def feed(self, data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """See `Body.feed`."""
        run = data[: self._left_bytes]
        self._left_bytes -= len(run)
        self.complete = self._left_bytes == 0
        return ([(0, run)] if run else []), len(run)

    def end_of_input(self) -> bool:
        """See `Body.end_of_input`."""
        return self.complete


class CloseBody:
    """A body that goes on until the connection ends."""

    complete = False

    def feed(self, data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """See `Body.feed`."""
        return [(0, data)] if data else [], len(data)

    def end_of_input(self) -> bool:
        """See `Body.end_of_input`: always clean, for nothing announced more."""
        self.complete = True
        return True


class ChunkedBody:
    """A body in the chunked transfer-coding (RFC 9112 section 7.1). `feed` raises ProtocolError for a broken frame."""

    def __init__(self) -> None:
        self.complete = False
        self._left_bytes = 0
        self._line = bytearray()
        self._at_frame = True
        self._trailer_bytes = 0
        self._read_next: Callable[[bytes, int], int] = self._read_size

    def feed(self, data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """See `Body.feed`."""
        runs: list[tuple[int, bytes]] = []
        pos = self._read_whole_frames(data, runs) if self._at_frame else 0
        while pos < len(data) and not self.complete:
            if self._left_bytes:
                run = data[pos : pos + self._left_bytes]
                runs.append((pos, run))
                pos += len(run)
                self._left_bytes -= len(run)
            else:
                pos = self._read_next(data, pos)
        return runs, pos

    def end_of_input(self) -> bool:
        """See `Body.end_of_input`."""
        return self.complete

    def _read_whole_frames(self, data: bytes, runs: list[tuple[int, bytes]]) -> int:
        """Take frames as long as each lies in data as a whole: a live stream comes so, and it costs 1 instead of 3 µs."""
        pos = 0
        while pos < len(data) and (match := _PLAIN_SIZE_LINE.match(data, pos)):
            begin = match.end()
            end = begin + int(match[1], 16)
            if end == begin or not data.startswith(b"\r\n", end):
                break
            runs.append((begin, data[begin:end]))
            pos = end + 2
        return pos

    def _read_size(self, data: bytes, pos: int) -> int:
        self._at_frame = False
        line, pos = self._take_line(data, pos, MAX_SECTION_BYTES)
        if not line:
            return pos
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise _broken(line, "is no chunk size of 1 to 16 hex digits")
        self._left_bytes = int(match[1], 16)
        self._read_next = self._read_data_end if self._left_bytes else self._read_trailer
        return pos

    def _read_data_end(self, data: bytes, pos: int) -> int:
        line, pos = self._take_line(data, pos, len(b"\r\n"))
        if line:
            self._read_next = self._read_size
            self._at_frame = True
        return pos

    def _read_trailer(self, data: bytes, pos: int) -> int:
        line, pos = self._take_line(data, pos, MAX_SECTION_BYTES - self._trailer_bytes)
        self._trailer_bytes += len(line)
        self.complete = line == b"\r\n"
        return pos

    def _take_line(self, data: bytes, pos: int, limit_bytes: int) -> tuple[bytes, int]:
        """(the line with its CRLF, or b"" if it goes on beyond data, index after what was taken)."""
        bound = pos + limit_bytes - len(self._line)
        lf = data.find(b"\n", pos, bound)
        end = lf + 1 if lf >= 0 else min(len(data), bound)
        self._line += data[pos:end]
        if lf < 0 and end < bound:
            return b"", end
        line = bytes(self._line)
        if not line.endswith(b"\r\n"):
            raise _broken(line, f"does not end in CRLF within {limit_bytes} bytes")
        self._line.clear()
        return line, end


def _broken(line: bytes, why: str) -> ProtocolError:
    return ProtocolError(
        f"reading the chunked transfer-coding: {line[:40]!r} {why}; "
        "the server framed its response wrongly, or something on the way changed it"
    )
