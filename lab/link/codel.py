"""Controlled delay: RFC 8289, state by state. The names in here are those of its pseudo-code (section 5).

The rule: what is dropped is decided when a packet would go into service, at that instant, from how long it has waited and
from what waits behind it. So departures are not known at arrival; the next one always is.
"""

import math
from collections import deque
from collections.abc import Iterator
from itertools import chain

from lab.link.bottleneck import Bottleneck, Limit
from lab.link.pace import Pace
from lab.link.packet import CODEL, QUEUE_FULL, Packet
from lab.link.stage import Report

MAXPACKET_BYTES = 1500
"""The interface's MTU, as section 5.3 recommends: with no more than this behind it, a packet is never dropped."""

RESUME_INTERVALS = 16
"""Dropping that starts again within so many intervals goes on at the rate at which it ended (section 5.5)."""


class CoDel(Bottleneck):
    """Drops from the head while packets have waited `target_ns` or longer for an `interval_ns`, ever more often."""

    def __init__(self, pace: Pace, report: Report, limit: Limit, target_ns: int, interval_ns: int) -> None:
        super().__init__(pace, report, limit)
        self._target_ns = target_ns
        self._interval_ns = interval_ns
        self._waiting: deque[tuple[int, Packet]] = deque()
        self._first_above_time_ns: int | None = None
        self._drop_next_ns = 0
        self._count = 0
        self._lastcount = 0
        self._dropping = False

    def put(self, packet: Packet, now_ns: int) -> None:
        self._serve(now_ns)
        wait_ns = self._begin(now_ns) - now_ns
        if (self._waiting or wait_ns) and self._is_full(packet.size_bytes, len(self._waiting), wait_ns):
            self._drop(packet, QUEUE_FULL)
            return
        self._waiting.append((now_ns, packet))
        self._waiting_bytes += packet.size_bytes
        self._serve(now_ns)

    def take(self, now_ns: int) -> Packet | None:
        """The next packet that leaves by `now_ns`, or None."""
        self._serve(now_ns)
        return super().take(now_ns)

    def deadline(self) -> int | None:
        """The next departure, or the next instant at which a packet goes into service."""
        if self._line or not self._waiting:
            return super().deadline()
        return self._begin(self._waiting[0][0])

    def held(self) -> Iterator[Packet]:
        """The packets that are in the stage now, first in first."""
        return chain(self._line, (packet for _, packet in self._waiting))

    def _serve(self, now_ns: int) -> None:
        """Everything that went into service by now, each at its own instant."""
        while self._waiting and (begin_ns := self._begin(self._waiting[0][0])) <= now_ns:
            packet = self._dequeue(begin_ns)
            if packet is not None:
                packet.t_queue_out_ns = packet.t_due_ns = self._send(begin_ns, packet.size_bytes)
                self._line.append(packet)

    def _dequeue(self, now_ns: int) -> Packet | None:
        """`codel_queue_t::deque` of section 5.5."""
        packet, ok_to_drop = self._dodequeue(now_ns)
        if self._dropping:
            if not ok_to_drop:
                self._dropping = False
            while packet is not None and self._dropping and now_ns >= self._drop_next_ns:
                self._drop(packet, CODEL)
                self._count += 1
                packet, ok_to_drop = self._dodequeue(now_ns)
                if ok_to_drop:
                    self._drop_next_ns = self._control_law(self._drop_next_ns)
                else:
                    self._dropping = False
        elif packet is not None and ok_to_drop:
            self._drop(packet, CODEL)
            packet, _ = self._dodequeue(now_ns)
            self._enter_dropping(now_ns)
        return packet

    def _enter_dropping(self, now_ns: int) -> None:
        self._dropping = True
        delta = self._count - self._lastcount
        recent = now_ns - self._drop_next_ns < RESUME_INTERVALS * self._interval_ns
        self._count = delta if delta > 1 and recent else 1
        self._drop_next_ns = self._control_law(now_ns)
        self._lastcount = self._count

    def _dodequeue(self, now_ns: int) -> tuple[Packet | None, bool]:
        """The head of the queue, and whether it may be dropped (`dodequeue`, section 5.6)."""
        if not self._waiting:
            self._first_above_time_ns = None
            return None, False
        arrived_ns, packet = self._waiting.popleft()
        self._waiting_bytes -= packet.size_bytes
        if now_ns - arrived_ns < self._target_ns or self._waiting_bytes <= MAXPACKET_BYTES:
            self._first_above_time_ns = None
        elif self._first_above_time_ns is None:
            self._first_above_time_ns = now_ns + self._interval_ns
        else:
            return packet, now_ns >= self._first_above_time_ns
        return packet, False

    def _control_law(self, at_ns: int) -> int:
        """Drops come at the interval over √count: what lets TCP's rate fall linearly (section 5.6)."""
        return at_ns + int(self._interval_ns / math.sqrt(self._count))
