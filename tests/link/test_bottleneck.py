"""The bottleneck's arithmetic: exact departures, a rate that is kept, a queue that is exactly as long as asked."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.link.bottleneck import Droptail, Limit
from lab.link.pace import BIT_NS_PER_BYTE, ConstantRate
from lab.link.packet import QUEUE_FULL, Packet
from tests.link.packets import packet

US = 1000


@dataclass
class Case:
    """Packets as (arrival µs, bytes) through 12 Mbit/s (1500 bytes take 1 ms); departures in µs, None = dropped."""

    packets: list[tuple[int, int]]
    departures: list[int | None]
    limit: Limit = field(default_factory=Limit)


CASES = {
    "idle link: only its own time": Case([(0, 1500), (5000, 750)], [1000, 5500]),
    "busy link: one behind the other": Case([(0, 1500), (0, 1500), (100, 1500)], [1000, 2000, 3000]),
    "free at the very instant of arrival": Case([(0, 1500), (1000, 1500)], [1000, 2000]),
    "the packet in service is not queued": Case([(0, 1500)] * 4, [1000, 2000, 3000, None], limit=Limit(packets=2)),
    "a place is free once service starts": Case(
        [(0, 1500), (0, 1500), (999, 1500), (1000, 1500)], [1000, 2000, None, 3000], limit=Limit(packets=1)
    ),
    "bytes: filled to the last": Case([(0, 1500), (0, 1000), (0, 500)], [1000, 1667, 2000], limit=Limit(bytes=1500)),
    "bytes: one too many": Case([(0, 1500), (0, 1000), (0, 501)], [1000, 1667, None], limit=Limit(bytes=1500)),
    "bytes: a small one still fits": Case(
        [(0, 1500), (0, 750), (0, 1500), (0, 750)], [1000, 1500, None, 2000], limit=Limit(bytes=1500)
    ),
    "waits as long as it may": Case(
        [(0, 1500), (0, 1500), (0, 1500)], [1000, 2000, 3000], limit=Limit(wait_ns=2_000_000)
    ),
    "would wait a nanosecond too long": Case(
        [(0, 1500), (0, 1500), (0, 1500)], [1000, 2000, None], limit=Limit(wait_ns=1_999_999)
    ),
    "larger than the queue, but idle": Case([(0, 1500), (0, 150)], [1000, None], limit=Limit(bytes=100)),
}


def _refuse(packet: Packet) -> None:
    pytest.fail(f"packet {packet.index} was dropped from a queue without a limit")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_departures(case: Case) -> None:
    dropped: list[Packet] = []
    bottleneck = Droptail(ConstantRate(12_000_000), dropped.append, case.limit)
    for index, (arrival_us, size_bytes) in enumerate(case.packets):
        bottleneck.put(packet(size_bytes, index=index), arrival_us * US)
    departures: list[int | None] = [None] * len(case.packets)
    while (out := bottleneck.take(10**12)) is not None:
        departures[out.index] = round(out.t_queue_out_ns / US)
    assert departures == case.departures
    assert [each.index for each in dropped] == [index for index, at in enumerate(case.departures) if at is None]
    assert {each.verdict for each in dropped} <= {QUEUE_FULL}


@pytest.mark.parametrize("rate_bps", [7, 3_333_333, 9_999_991, 1_000_000_007])
def test_the_rate_is_exact_over_a_long_busy_period(rate_bps: int) -> None:
    bottleneck = Droptail(ConstantRate(rate_bps), _refuse, Limit())
    count, size_bytes = 20_000, 1501
    for index in range(count):
        bottleneck.put(packet(size_bytes, index=index), 0)
    *_, last = bottleneck.held()
    assert last.t_queue_out_ns == count * size_bytes * BIT_NS_PER_BYTE // rate_bps


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(40, 1500)), min_size=2, max_size=40),
    rate_bps=st.integers(1_000_000, 10**9),
)
def test_no_window_carries_more_than_the_rate(arrivals: list[tuple[int, int]], rate_bps: int) -> None:
    bottleneck = Droptail(ConstantRate(rate_bps), _refuse, Limit())
    now_ns = 0
    for gap_ns, size_bytes in arrivals:
        now_ns += gap_ns
        bottleneck.put(packet(size_bytes), now_ns)
    sent = list(bottleneck.held())
    for first in range(len(sent)):
        size_bytes = 0
        for last in range(first + 1, len(sent)):
            size_bytes += sent[last].size_bytes
            window_ns = sent[last].t_queue_out_ns - sent[first].t_queue_out_ns
            # Departures are floored to whole nanoseconds, so a window is at most one short.
            assert size_bytes * BIT_NS_PER_BYTE <= (window_ns + 1) * rate_bps


def test_the_remainder_is_forgotten_when_the_link_was_idle() -> None:
    bottleneck = Droptail(ConstantRate(3_000_000_000), _refuse, Limit())  # 40 bytes take 106 ns and two thirds
    for now_ns in (0, 0, 1000):
        bottleneck.put(packet(40, 0), now_ns)
    assert [each.t_queue_out_ns for each in bottleneck.held()] == [106, 213, 1106]
