"""Flush policies: when the bytes that an application produced leave it, and in which pieces.

The one rule: bytes leave complete and in order, and only `take` lets them go; each piece becomes one write. All policies
have one shape, that of a queue with a deadline, so one harness drives them with a fake clock. A policy knows neither chunks
nor framing. It stands between `emit` and `write`: what it holds, the network never saw.
"""

from collections import deque
from typing import Protocol


class Policy(Protocol):
    """Data goes in with `now`, comes out later, and the next deadline is known. All instants are ns on one clock."""

    @property
    def held_bytes(self) -> int:
        """Bytes that were put and not taken yet."""
        ...

    def put(self, data: bytes, now_ns: int) -> None:
        """The application produced these bytes. Empty data changes nothing."""
        ...

    def take(self, now_ns: int) -> bytes:
        """The next piece that must leave by now, or b"" if none is due. Call it until it is empty."""
        ...

    def deadline(self) -> int | None:
        """The instant from which `take` gives something without another `put`; in the past if it is due; None if never."""
        ...

    def finish(self, now_ns: int) -> None:
        """The response ends: what is held is due at once. Nothing may be put after it."""
        ...


class Every:
    """A flush after every put: each leaves as it came, never merged with another."""

    def __init__(self) -> None:
        self._pieces: deque[tuple[bytes, int]] = deque()
        self.held_bytes = 0

    def put(self, data: bytes, now_ns: int) -> None:
        """See `Policy.put`."""
        if data:
            self._pieces.append((data, now_ns))
            self.held_bytes += len(data)

    def take(self, now_ns: int) -> bytes:
        """See `Policy.take`."""
        if not self._pieces:
            return b""
        data, _ = self._pieces.popleft()
        self.held_bytes -= len(data)
        return data

    def deadline(self) -> int | None:
        """The put of the oldest piece."""
        return self._pieces[0][1] if self._pieces else None

    def finish(self, now_ns: int) -> None:
        """See `Policy.finish`: nothing to do, for everything held is due already."""


class _Buffer:
    """What the merging policies have in common: one buffer, and the instant from which it may leave (None: not yet)."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._due_ns: int | None = None

    @property
    def held_bytes(self) -> int:
        """See `Policy.held_bytes`."""
        return len(self._held)

    def deadline(self) -> int | None:
        """See `Policy.deadline`."""
        return self._due_ns if self._held else None

    def finish(self, now_ns: int) -> None:
        """See `Policy.finish`."""
        self._due_ns = now_ns if self._due_ns is None else min(self._due_ns, now_ns)

    def _cut(self, size_bytes: int, now_ns: int) -> bytes:
        if self._due_ns is None or now_ns < self._due_ns:
            return b""
        piece = bytes(self._held[:size_bytes])
        del self._held[:size_bytes]
        return piece


class Bytes(_Buffer):
    """A buffer of `size_bytes` that is emptied whenever it is full: pieces of exactly that size, a chunk may be cut in two.

    The rest leaves at the end. So do C's stdio and Go's bufio.Writer, but for two fine points of the latter: it notices
    that it is full only at the next byte, and lets a write larger than itself pass by when it is empty.
    """

    def __init__(self, size_bytes: int) -> None:
        if size_bytes < 1:
            raise ValueError(f"a flush buffer of {size_bytes} bytes never fills; give 1 byte or more")
        super().__init__()
        self._size_bytes = size_bytes
        self._finished = False

    def put(self, data: bytes, now_ns: int) -> None:
        """See `Policy.put`."""
        self._held += data
        if self._due_ns is None and len(self._held) >= self._size_bytes:
            self._due_ns = now_ns

    def take(self, now_ns: int) -> bytes:
        """See `Policy.take`: one buffer full; after the end also the rest."""
        piece = self._cut(self._size_bytes, now_ns)
        if len(self._held) < self._size_bytes and not self._finished:
            self._due_ns = None
        return piece

    def finish(self, now_ns: int) -> None:
        """See `Policy.finish`."""
        super().finish(now_ns)
        self._finished = True


class Interval(_Buffer):
    """What is held leaves together, `interval_ns` after its first byte came: Go's httputil.ReverseProxy.FlushInterval."""

    def __init__(self, interval_ns: int) -> None:
        super().__init__()
        self._interval_ns = interval_ns

    def put(self, data: bytes, now_ns: int) -> None:
        """See `Policy.put`: the first byte starts the clock."""
        if not self._held:
            self._due_ns = now_ns + self._interval_ns
        self._held += data

    def take(self, now_ns: int) -> bytes:
        """See `Policy.take`: everything held, as one piece."""
        return self._cut(len(self._held), now_ns)


class End(_Buffer):
    """No flush until the response ends; then one piece."""

    def put(self, data: bytes, now_ns: int) -> None:
        """See `Policy.put`."""
        self._held += data

    def take(self, now_ns: int) -> bytes:
        """See `Policy.take`: everything held, as one piece."""
        return self._cut(len(self._held), now_ns)
