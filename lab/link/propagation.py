"""The distance: every packet arrives a delay later, with jitter if asked for. The last stage of a link.

The rule: order is kept. A packet never leaves before the one in front of it, so jitter stretches and bunches packets but
does not make TCP see reordering, unless that is what was asked for: `Reordering` is the sibling that lets them overtake.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from lab.link.jitter import Draw
from lab.link.packet import Packet
from lab.link.stage import Stage


class Propagation(Stage):
    """`delay_ns` one way, and what `draw` adds to it, cut off at a delay of zero.

    Keeping the order turns a delay into the running maximum of those before it: where packets are closer together than
    the jitter, the mean delay grows.
    """

    def __init__(self, delay_ns: int, draw: Draw | None = None) -> None:
        super().__init__()
        self.floor_ns = 0 if draw else delay_ns
        self._delay_ns = delay_ns
        self._draw = draw
        self._last_ns = 0

    def put(self, packet: Packet, now_ns: int) -> None:
        """Decide when the packet, that starts on its way at `now_ns`, is there."""
        due_ns = now_ns + self._delay_ns
        if self._draw is not None:
            due_ns = max(now_ns, due_ns + int(self._draw()))
        if due_ns < self._last_ns:
            due_ns = self._last_ns
        self._last_ns = packet.t_due_ns = due_ns
        self._line.append(packet)


class Reordering(Stage):
    """The same without the rule: each packet takes its own time and may overtake others; ties keep their order."""

    overtakes = True

    def __init__(self, delay_ns: int, draw: Draw) -> None:
        super().__init__()
        self._delay_ns = delay_ns
        self._draw = draw
        self._count = 0
        self._heap: list[tuple[int, int, Packet]] = []

    def put(self, packet: Packet, now_ns: int) -> None:
        """Decide when the packet, that starts on its way at `now_ns`, is there."""
        packet.t_due_ns = max(now_ns, now_ns + self._delay_ns + int(self._draw()))
        self._count += 1
        heappush(self._heap, (packet.t_due_ns, self._count, packet))

    def take(self, now_ns: int) -> Packet | None:
        """The next packet that leaves by `now_ns`, or None."""
        heap = self._heap
        return heappop(heap)[2] if heap and heap[0][0] <= now_ns else None

    def deadline(self) -> int | None:
        """The instant at which the next packet leaves (ns), or None while there is none."""
        return self._heap[0][0] if self._heap else None

    def held(self) -> Iterator[Packet]:
        """The packets that are in the stage now, first out first."""
        return (packet for _, _, packet in sorted(self._heap))
