"""CoDel as RFC 8289 writes it: its states by hand, and packet for packet against a reading of its pseudo-code."""

import math
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.link.bottleneck import Limit
from lab.link.codel import CoDel
from lab.link.pace import ConstantRate
from lab.link.packet import CODEL, QUEUE_FULL, Packet
from tests.link.packets import packet

MS = 1_000_000
FULL = 1500
RATE_BPS = 12_000_000
"""A full packet takes 1 ms."""
TARGET_NS, INTERVAL_NS = 5 * MS, 100 * MS


@dataclass
class Bench:
    """A queue of the RFC's own settings, and when what was dropped."""

    limit: Limit = field(default_factory=Limit)
    dropped: list[Packet] = field(default_factory=list)
    left: list[Packet] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.queue = CoDel(ConstantRate(RATE_BPS), self.dropped.append, self.limit, TARGET_NS, INTERVAL_NS)

    def put(self, count: int, at_ms: int, size_bytes: int = FULL) -> None:
        for _ in range(count):
            self.queue.put(packet(size_bytes, index=self.count), at_ms * MS)
            self.count += 1

    def take_until(self, at_ms: int) -> None:
        while (out := self.queue.take(at_ms * MS)) is not None:
            self.left.append(out)

    def drops(self) -> list[int]:
        return [each.index for each in self.dropped if each.verdict == CODEL]


def test_below_the_target_nothing_is_dropped() -> None:
    bench = Bench()
    for at_ms in range(1000):  # as fast as it drains, five always waiting: the sixth would wait for the target
        bench.put(5 if at_ms == 0 else 1, at_ms)
    bench.take_until(2000)
    assert bench.drops() == []
    assert len(bench.left) == bench.count


def test_a_burst_that_drains_within_an_interval_passes() -> None:
    bench = Bench()
    bench.put(104, 0)
    bench.take_until(1000)
    assert bench.drops() == []


def test_a_standing_queue_is_dropped_ever_more_often() -> None:
    """Packet n is at the head after n ms. From 5 ms on it is above the target, at 105 the interval is over; then come drops
    at the interval over √count: 100, 70.7, 57.7, 50, 44.7 ms apart. Each drop brings the next head one ms sooner."""
    bench = Bench()
    bench.put(800, 0)
    bench.take_until(500)
    at_ms = [105, 205, 276, 334, 384, 429, 469]
    assert bench.drops() == [now + drop for drop, now in enumerate(at_ms)]
    assert {each.t_queue_out_ns % MS for each in bench.left} == {0}, "the link was never idle"


def test_it_leaves_the_dropping_state_when_the_wait_falls_below() -> None:
    bench = Bench()
    bench.put(120, 0)
    bench.take_until(1000)
    assert bench.drops() == [105], "the queue was short before the next drop was due"
    bench.put(120, 1000)
    bench.take_until(3000)
    assert bench.drops() == [105, 225]


def test_the_last_packet_is_never_dropped() -> None:
    """With no more than an MTU behind it, a packet goes, however long it waited (RFC 8289 §5.6, the second condition)."""
    bench = Bench()
    for at_ms in range(0, 4000, 8):
        bench.put(1, at_ms, size_bytes=8 * FULL)  # 8 ms each: one in service, one waiting longer than the target
        if at_ms == 0:
            bench.put(1, 0, size_bytes=FULL)
    bench.take_until(10_000)
    assert bench.drops() == []


def test_a_rate_that_had_worked_is_taken_up_again() -> None:
    """Within 16 intervals, dropping goes on with what the last cycle added; after longer it begins with one."""
    again, afresh = Bench(), Bench()
    for bench, pause_ms in ((again, 400), (afresh, 4000)):
        bench.put(450, 0)
        bench.take_until(450 + pause_ms)
        bench.dropped.clear()
        start_ms = 450 + pause_ms
        bench.put(450, start_ms)
        bench.take_until(10_000)
    assert len(again.drops()) > len(afresh.drops()) > 0


def test_a_full_queue_refuses_as_droptail_does() -> None:
    bench = Bench(Limit(packets=2))
    bench.put(5, 0)
    assert [(each.index, each.verdict) for each in bench.dropped] == [(3, QUEUE_FULL), (4, QUEUE_FULL)]


@pytest.mark.parametrize("size_bytes", [40, FULL])
def test_a_deadline_is_the_next_departure(size_bytes: int) -> None:
    bench = Bench()
    bench.put(3, 0, size_bytes)
    for place in (1, 2, 3):
        assert bench.queue.deadline() == place * size_bytes * 8 * 1000 // 12
        bench.queue.take(bench.queue.deadline() or 0)
    assert bench.queue.deadline() is None


class Rfc:
    """The pseudo-code of RFC 8289 §5, line by line, fed by a link of its own that is free at `now`."""

    def __init__(self) -> None:
        self.queue: deque[tuple[int, int, int]] = deque()  # when it came, its number, its bytes
        self.first_above_time = self.drop_next = self.count = self.lastcount = 0
        self.dropping = False
        self.dropped: list[int] = []

    def dodequeue(self, now: int) -> tuple[tuple[int, int, int] | None, bool]:
        if not self.queue:
            self.first_above_time = 0
            return None, False
        head = self.queue.popleft()
        if now - head[0] < TARGET_NS or sum(each[2] for each in self.queue) <= FULL:
            self.first_above_time = 0
        elif self.first_above_time == 0:
            self.first_above_time = now + INTERVAL_NS
        elif now >= self.first_above_time:
            return head, True
        return head, False

    def dequeue(self, now: int) -> tuple[int, int, int] | None:
        head, ok_to_drop = self.dodequeue(now)
        if self.dropping:
            if not ok_to_drop:
                self.dropping = False
            while now >= self.drop_next and self.dropping:
                assert head is not None
                self.dropped.append(head[1])
                self.count += 1
                head, ok_to_drop = self.dodequeue(now)
                if not ok_to_drop:
                    self.dropping = False
                else:
                    self.drop_next += int(INTERVAL_NS / math.sqrt(self.count))
        elif ok_to_drop:
            assert head is not None
            self.dropped.append(head[1])
            head, ok_to_drop = self.dodequeue(now)
            self.dropping = True
            delta = self.count - self.lastcount
            self.count = 1
            if delta > 1 and now - self.drop_next < 16 * INTERVAL_NS:
                self.count = delta
            self.drop_next = now + int(INTERVAL_NS / math.sqrt(self.count))
            self.lastcount = self.count
        return head


def _by_the_rfc(arrivals: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Numbers of what was dropped and of what was sent, for packets of (ms, bytes); a full packet takes 1 ms."""
    rfc, sent, free_ns, place = Rfc(), [], 0, 0
    while place < len(arrivals) or rfc.queue:
        if not rfc.queue:
            free_ns = max(free_ns, arrivals[place][0] * MS)
        while place < len(arrivals) and (arrivals[place][0] * MS < free_ns or not rfc.queue):
            rfc.queue.append((arrivals[place][0] * MS, place, arrivals[place][1]))
            place += 1
            if arrivals[place - 1][0] * MS == free_ns:
                break  # who comes to a free link is served before the next one comes
        head = rfc.dequeue(free_ns)
        if head is not None:
            sent.append(head[1])
            free_ns += head[2] * MS // FULL
    return rfc.dropped, sent


BURSTS = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 150), st.sampled_from([300, 750, FULL])), min_size=1, max_size=12
)


@settings(max_examples=60)
@given(bursts=BURSTS)
def test_packet_for_packet_as_the_pseudo_code(bursts: list[tuple[int, int, int]]) -> None:
    bench, arrivals, now_ms = Bench(), [], 0
    for gap_ms, count, size_bytes in bursts:
        now_ms += gap_ms
        arrivals += [(now_ms, size_bytes)] * count
        bench.put(count, now_ms, size_bytes)
    bench.take_until(100_000)
    assert (bench.drops(), [each.index for each in bench.left]) == _by_the_rfc(arrivals)
