"""The slowest hop: a serialiser with a droptail queue in front of it. Stamps when each packet left it.

The rule: the link's time is exact. A packet starts at max(its arrival, link free) and takes size × 8 / rate; the part of
a nanosecond that does not fit an integer is carried to the next packet of the same busy period, so that the rate holds
over any length of run.
"""

from collections import deque

from lab.link.packet import QUEUE_FULL, Packet
from lab.link.stage import Report, Stage

BIT_NS_PER_BYTE = 8 * 1_000_000_000

DEFAULT_QUEUE_PACKETS = 1000
"""The limit where none is given: netem's own default (`limit 1000` in tc-netem(8))."""


class Bottleneck(Stage):
    """`rate_bps` bits per second of IP bytes, and a queue of at most `limit_packets` or `limit_bytes`.

    The packet in service does not count as queued (as in mahimahi's `LinkQueue`, where it has left the packet queue):
    a queue of n packets therefore holds n behind the one being sent. A packet that finds the link idle is always
    accepted, whatever its size. Droptail is first in, first out, so each packet's departure is known when it arrives.
    """

    def __init__(
        self, rate_bps: int, report: Report, limit_packets: int | None = None, limit_bytes: int | None = None
    ) -> None:
        super().__init__()
        self._rate_bps = rate_bps
        self._report = report
        self._limit_packets = limit_packets
        self._limit_bytes = limit_bytes
        self._waiting: deque[tuple[int, int]] = deque()
        self._waiting_bytes = 0
        self._free_ns = 0
        self._remainder = 0

    def put(self, packet: Packet, now_ns: int) -> None:
        """Queue the packet, start it if the link is idle, or drop it if the queue is full."""
        self._start_waiting(now_ns)
        start_ns = self._free_ns
        if start_ns > now_ns:
            if self._is_full(packet.size_bytes):
                packet.verdict = QUEUE_FULL
                self._report(packet)
                return
            self._waiting.append((start_ns, packet.size_bytes))
            self._waiting_bytes += packet.size_bytes
        elif start_ns < now_ns:
            start_ns = now_ns
            self._remainder = 0
        whole_ns, self._remainder = divmod(packet.size_bytes * BIT_NS_PER_BYTE + self._remainder, self._rate_bps)
        self._free_ns = packet.t_queue_out_ns = packet.t_due_ns = start_ns + whole_ns
        self._line.append(packet)

    def _start_waiting(self, now_ns: int) -> None:
        """Take out of the queue what has gone into service by now."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= now_ns:
            self._waiting_bytes -= waiting.popleft()[1]

    def _is_full(self, size_bytes: int) -> bool:
        if self._limit_packets is not None and len(self._waiting) >= self._limit_packets:
            return True
        return self._limit_bytes is not None and self._waiting_bytes + size_bytes > self._limit_bytes
