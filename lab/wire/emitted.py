"""When somebody else's server says that it produced an event: a comment before it, `: emit_ns=1234567890`.

The rule: a comment disturbs no client, so a server may always send it; a stream without one gives nothing. The instant is
CLOCK_MONOTONIC in ns of the server's machine, and means something only where that is the measuring machine too. Sans-IO.
"""

import re

# A line of the stream: 64-bit ns have at most 19 digits.
_COMMENT = re.compile(rb"[\r\n]: ?emit_ns=(\d{1,19})(?=[\r\n])")
_LONGEST_BYTES = len("\n: emit_ns=") + 19 + len("\n")


class EmitComments:
    """Finds the comments in a body that is fed in any pieces."""

    def __init__(self) -> None:
        self._tail = b"\n"  # as if a line had ended before the first
        self._begin = -1  # of the tail, in the body
        self._found: list[tuple[int, int]] = []

    def feed(self, data: bytes) -> None:
        """The body's next bytes."""
        if self._tail == b"\n" and data.endswith(b"\n") and b"emit_ns=" not in data:
            self._begin += len(data)  # no line is open: 0.5 instead of 1.3 µs, most of the time
            return
        text = self._tail + data
        end = 0
        for match in _COMMENT.finditer(text):
            self._found.append((self._begin + match.start() + 1, int(match[1])))
            end = match.end()
        keep = len(text) - 1 if text.endswith(b"\n") else max(end, len(text) - _LONGEST_BYTES)
        self._tail, self._begin = text[keep:], self._begin + keep

    def before(self, event_end: int) -> int | None:
        """The comment that belongs to the event that ends at this offset of the body: the last one before its end."""
        emit_ns = None
        while self._found and self._found[0][0] < event_end:
            _, emit_ns = self._found.pop(0)
        return emit_ns
