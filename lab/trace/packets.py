"""Which packet carried which byte: the server's side of every connection in the packet log, by response offset.

The rule: `sent` is when a segment with that byte *first* entered the path and `recv` when one first left it at the other
end, whichever of them it was; under loss these are different packets, and the time between is the recovery. `readable` is
when the last of all bytes before it had come too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.link.observer import Connection
from lab.link.packet import DOWN, SENT

Ints = npt.NDArray[np.int64]
Ports = tuple[int | None, int | None]
_SEQUENCE_SPACE = 1 << 32


@dataclass(frozen=True)
class PacketIndex:
    """The data segments of one connection, server to client. Offsets count from the connection's first data byte."""

    start: Ints
    end: Ints
    t_in_ns: Ints
    delivered: npt.NDArray[np.bool_]
    t_out_ns: Ints
    base: int = 0

    def from_offset(self, base: int) -> "PacketIndex":
        """The same, counting from byte `base`: where a response begins."""
        return replace(self, base=base)

    def crossing(self, offset: int) -> tuple[int | None, int | None]:
        """(sent_ns, recv_ns) of the byte at `offset`; None for what never happened."""
        position = offset + self.base
        # New data is sent in order, so the first packet that reaches beyond a byte is the first that carries it.
        first = int(np.searchsorted(self._reach, position, side="right"))
        if first == len(self.start) or self.start[first] > position:
            return None, None
        sent_ns = int(self.t_in_ns[first])
        if self.delivered[first] and not self._repeats:
            return sent_ns, int(self.t_out_ns[first])
        carried = (self.start <= position) & (position < self.end) & self.delivered
        return sent_ns, int(self.t_out_ns[carried].min()) if carried.any() else None

    def readable(self, offset: int) -> int | None:
        """When the byte at `offset` had arrived and no earlier one was missing: TCP hands out bytes in order.

        RFC 9293 section 3.10.7.4. None if that never was.
        """
        ends, since_ns = self._frontier
        place = int(np.searchsorted(ends, offset + self.base, side="right"))
        return int(since_ns[place]) if place < len(ends) else None

    @cached_property
    def _frontier(self) -> tuple[Ints, Ints]:
        """How far the receiver can read without a gap, growing, and since when."""
        ends, since_ns, frontier = [], [], 0
        waiting: list[tuple[int, int]] = []
        order = np.argsort(self.t_out_ns, kind="stable")
        arrived = order[self.delivered[order]]
        columns = (self.start[arrived].tolist(), self.end[arrived].tolist(), self.t_out_ns[arrived].tolist())
        for start, end, t_out_ns in zip(*columns, strict=True):
            before = frontier
            heappush(waiting, (start, end))
            while waiting and waiting[0][0] <= frontier:
                frontier = max(frontier, heappop(waiting)[1])
            if frontier > before:
                ends.append(frontier)
                since_ns.append(t_out_ns)
        return np.asarray(ends, dtype=np.int64), np.asarray(since_ns, dtype=np.int64)

    @cached_property
    def _reach(self) -> Ints:
        """How far the connection has come with each packet."""
        return np.maximum.accumulate(self.end)

    @cached_property
    def _repeats(self) -> bool:
        """Whether any byte was sent twice: only then can another packet have brought it earlier."""
        return bool((self.start[1:] < self._reach[:-1]).any())


def index_connections(
    packets: Mapping[str, Sequence[int]], connections: Sequence[Connection]
) -> dict[Ports, tuple[Connection, PacketIndex]]:
    """By (client port, server port); ports that were used twice keep the later connection."""
    columns = {name: np.asarray(packets[name], dtype=np.int64) for name in _NEEDED}
    data = (columns["direction"] == DOWN) & (columns["payload_bytes"] > 0)
    found: dict[Ports, tuple[Connection, PacketIndex]] = {}
    for connection in connections:
        if connection.server_isn is not None:
            chosen = data & (columns["connection"] == connection.number)
            own = {name: values[chosen] for name, values in columns.items()}
            found[connection.client_port, connection.server_port] = (connection, _index(own, connection.server_isn))
    return found


_NEEDED = ("direction", "connection", "seq", "payload_bytes", "t_in_ns", "t_out_ns", "verdict")


def _index(columns: dict[str, Any], server_isn: int) -> PacketIndex:
    order = np.argsort(columns["t_in_ns"], kind="stable")
    own = {name: values[order] for name, values in columns.items()}
    start = _unwrapped((own["seq"] - server_isn - 1) % _SEQUENCE_SPACE)
    return PacketIndex(
        start=start,
        end=start + own["payload_bytes"],
        t_in_ns=own["t_in_ns"],
        delivered=own["verdict"] == SENT,
        t_out_ns=own["t_out_ns"],
    )


def _unwrapped(relative: Ints) -> Ints:
    """Sequence numbers past 4 GiB: a step back by more than half the space is a step forward (RFC 9293 §3.4)."""
    steps = np.diff(relative, prepend=relative[:1])
    wraps = np.where(steps < -_SEQUENCE_SPACE // 2, 1, np.where(steps > _SEQUENCE_SPACE // 2, -1, 0))
    unwrapped: Ints = relative + np.cumsum(wraps) * _SEQUENCE_SPACE
    return unwrapped
