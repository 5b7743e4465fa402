"""The slowest hop: a queue in front of a serialiser. Stamps when each packet left it.

The rule: a packet goes into service as soon as its pace lets it, at that very instant, whoever looks and when. The packet in
service does not count as queued (as in mahimahi's `LinkQueue`, where it has left the packet queue): a queue of n packets
therefore holds n behind the one being sent. A packet that need not wait is always accepted, whatever its size.
"""

from abc import abstractmethod
from collections import deque
from typing import NamedTuple

from lab.link.pace import Pace
from lab.link.packet import QUEUE_FULL, Packet
from lab.link.stage import Report, Stage


class Limit(NamedTuple):
    """What may wait: so many packets, so many bytes, or packets whose service begins within so long; None is no limit."""

    packets: int | None = None
    bytes: int | None = None
    wait_ns: int | None = None


class Bottleneck(Stage):
    """What every queue shares: its pace, its limit, and how it refuses."""

    def __init__(self, pace: Pace, report: Report, limit: Limit) -> None:
        super().__init__()
        self._pace = pace
        self._begin, self._send = pace.begin, pace.send
        self._report = report
        self._limit_packets, self._limit_bytes, self._limit_wait_ns = limit
        self._waiting_bytes = 0

    def _is_full(self, size_bytes: int, waiting: int, wait_ns: int) -> bool:
        if self._limit_packets is not None and waiting >= self._limit_packets:
            return True
        if self._limit_wait_ns is not None and wait_ns > self._limit_wait_ns:
            return True
        return self._limit_bytes is not None and self._waiting_bytes + size_bytes > self._limit_bytes

    def _drop(self, packet: Packet, verdict: int) -> None:
        packet.verdict = verdict
        self._report(packet)

    def start(self, at_ns: int) -> None:
        """The pace is what changes with time."""
        self._pace.start(at_ns)

    @abstractmethod
    def put(self, packet: Packet, now_ns: int) -> None:
        """Queue the packet, start it if the link is idle, or drop it if the queue is full."""


class Droptail(Bottleneck):
    """First in, first out, and what finds the queue full is dropped. So each departure is known at the arrival."""

    def __init__(self, pace: Pace, report: Report, limit: Limit) -> None:
        super().__init__(pace, report, limit)
        self._waiting: deque[tuple[int, int]] = deque()

    def put(self, packet: Packet, now_ns: int) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= now_ns:  # gone into service by now
            self._waiting_bytes -= waiting.popleft()[1]
        begin_ns, size_bytes = self._begin(now_ns), packet.size_bytes
        if begin_ns > now_ns:
            if self._is_full(size_bytes, len(waiting), begin_ns - now_ns):
                self._drop(packet, QUEUE_FULL)
                return
            waiting.append((begin_ns, size_bytes))
            self._waiting_bytes += size_bytes
        packet.t_queue_out_ns = packet.t_due_ns = self._send(begin_ns, size_bytes)
        self._line.append(packet)
