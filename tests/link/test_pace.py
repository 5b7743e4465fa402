"""How fast the bottleneck sends: steps and traces to the nanosecond, and no window that carries more than it may."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.link.bottleneck import Droptail, Limit
from lab.link.pace import BIT_NS_PER_BYTE, ConstantRate, Opportunities, Pace, SteppedRate
from lab.link.packet import Packet
from tests.link.packets import packet

MS, US = 1_000_000, 1_000
FULL = 1500


def departures(pace: Pace, arrivals: list[tuple[int, int]], start_ns: int = 0) -> list[int]:
    """When packets of (instant, bytes) have left, in ns since the start."""
    pace.start(start_ns)
    left = []
    for now_ns, size_bytes in arrivals:
        left.append(pace.send(pace.begin(start_ns + now_ns), size_bytes) - start_ns)
    return left


@dataclass
class Case:
    """Packets as (arrival µs, bytes); departures in µs."""

    arrivals: list[tuple[int, int]]
    departures: list[int]


STEPS = [(0, 12_000_000), (3 * MS, 1_200_000), (23 * MS, 24_000_000)]
"""1500 bytes take 1 ms, from 3 ms on 10 ms, from 23 ms on half a millisecond."""

STEPPED = {
    "within a step": Case([(0, 1500), (0, 1500)], [1000, 2000]),
    "begins with a step": Case([(3000, 1500)], [13000]),
    "ends with a step": Case([(2000, 1500), (2000, 1500)], [3000, 13000]),
    "half in each": Case([(2500, 1500)], [8000]),
    "across two steps": Case([(2500, 750 + 3000 + 1500)], [23500]),
    "steps passed in idleness": Case([(0, 1500), (30000, 1500)], [1000, 30500]),
    "one queue across all": Case([(0, 1500)] * 6, [1000, 2000, 3000, 13000, 23000, 23500]),
}


@pytest.mark.parametrize("case", STEPPED.values(), ids=STEPPED)
@pytest.mark.parametrize("start_ns", [0, 10**15])
def test_steps(case: Case, start_ns: int) -> None:
    left = departures(SteppedRate(STEPS), [(at_us * US, size) for at_us, size in case.arrivals], start_ns)
    assert left == [at_us * US for at_us in case.departures]


TRACE = [0, 2, 2, 5, 10]
OPPORTUNITIES = {
    "waits for the next": Case([(1000, FULL)], [2000]),
    "at the very instant is too late": Case([(2000, FULL)], [5000]),
    "two at one instant": Case([(1000, FULL)] * 3, [2000, 2000, 5000]),
    "small ones share": Case([(1000, 748), (1000, 748), (1000, 1)], [2000, 2000, 2000]),
    "what is left of it is lost": Case([(3000, 748), (5000, 748)], [5000, 10000]),
    "and may be used while it lasts": Case([(3000, 748), (4999, 748)], [5000, 5000]),
    "what does not fit goes on in the next": Case([(3000, 1000), (3000, 1000), (3000, 900)], [5000, 10000, 10000]),
    "one larger than an opportunity": Case([(3000, 3004)], [10000]),
    "the trace begins anew at its last instant": Case([(6000, FULL)] * 4, [10000, 10000, 12000, 12000]),
    "many laps later": Case([(1_000_001, FULL)], [1_002_000]),
    "at the seam of laps": Case([(20_000, FULL)], [22_000]),
    "a second too early for it": Case([(19_999, FULL), (19_999, FULL)], [20_000, 20_000]),
}


@pytest.mark.parametrize("case", OPPORTUNITIES.values(), ids=OPPORTUNITIES)
@pytest.mark.parametrize("start_ns", [0, 10**15])
def test_opportunities(case: Case, start_ns: int) -> None:
    left = departures(Opportunities(TRACE), [(at_us * US, size) for at_us, size in case.arrivals], start_ns)
    assert left == [at_us * US for at_us in case.departures]


def test_asking_again_changes_nothing() -> None:
    pace = Opportunities(TRACE)
    assert [pace.begin(at_ns) for at_ns in (0, 0, 1 * MS, 2 * MS, 2 * MS)] == [2 * MS] * 3 + [5 * MS] * 2


PACKETS = st.lists(st.tuples(st.integers(0, 2 * MS), st.integers(40, FULL)), min_size=2, max_size=40)


def arrive(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """From gaps between packets to instants."""
    now_ns, arrivals = 0, []
    for gap_ns, size_bytes in gaps:
        now_ns += gap_ns
        arrivals.append((now_ns, size_bytes))
    return arrivals


@given(
    gaps=PACKETS,
    rates=st.lists(st.tuples(st.integers(1, 4 * MS), st.integers(500_000, 10**8)), min_size=1, max_size=8),
)
def test_steps_keep_every_rate_to_the_bit(gaps: list[tuple[int, int]], rates: list[tuple[int, int]]) -> None:
    """Against exact fractions: it leaves when the integral of the rate has reached its bits, floored to a nanosecond."""
    instants = [sum(each for each, _ in rates[:place]) for place in range(len(rates))]
    steps = [(at_ns, rate) for at_ns, (_, rate) in zip(instants, rates, strict=True)]
    arrivals = arrive(gaps)
    free = Fraction(0)
    expected = []
    for now_ns, size_bytes in arrivals:
        # A packet that comes within the nanosecond in which the link falls idle finds it busy: arrivals are whole ones.
        free = _sent(steps, free if now_ns <= int(free) else Fraction(now_ns), size_bytes * BIT_NS_PER_BYTE)
        expected.append(int(free))
    assert departures(SteppedRate(steps), arrivals) == expected


def _sent(steps: list[tuple[int, int]], begin: Fraction, work: Fraction | int) -> Fraction:
    ends = [at_ns for at_ns, _ in steps[1:]]
    for (_, rate), end in zip(steps, ends, strict=False):
        if begin < end:
            room = (end - begin) * rate
            if work <= room:
                return begin + Fraction(work) / rate
            begin, work = Fraction(end), work - room
    return begin + Fraction(work) / steps[-1][1]


@given(gaps=PACKETS, rate_bps=st.integers(500_000, 10**8))
def test_one_step_is_a_constant_rate(gaps: list[tuple[int, int]], rate_bps: int) -> None:
    arrivals = arrive(gaps)
    assert departures(SteppedRate([(0, rate_bps)]), arrivals) == departures(ConstantRate(rate_bps), arrivals)


@given(gaps=PACKETS, gaps_ms=st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_opportunities_are_mahimahis(gaps: list[tuple[int, int]], gaps_ms: list[int]) -> None:
    """Against its loop: at each instant of the trace, the queue as it is then."""
    times_ms = [sum(gaps_ms[: place + 1]) for place in range(len(gaps_ms))]
    times_ms.append(times_ms[-1] + 1)
    arrivals = arrive(gaps)
    assert departures(Opportunities(times_ms), arrivals) == _mahimahi(times_ms, arrivals)


def _mahimahi(times_ms: list[int], arrivals: list[tuple[int, int]]) -> list[int]:
    left: list[int] = []
    lap_ms, in_transit_bytes = 0, 0
    while len(left) < len(arrivals):
        for time_ms in times_ms:
            now_ns, room_bytes = (lap_ms + time_ms) * MS, 1504
            while room_bytes and len(left) < len(arrivals):
                arrived_ns, size_bytes = arrivals[len(left)]
                if not in_transit_bytes:
                    if arrived_ns >= now_ns:
                        break
                    in_transit_bytes = size_bytes + 4
                sent_bytes = min(room_bytes, in_transit_bytes)
                room_bytes, in_transit_bytes = room_bytes - sent_bytes, in_transit_bytes - sent_bytes
                if not in_transit_bytes:
                    left.append(now_ns)
        lap_ms += times_ms[-1]
    return left


@given(gaps=PACKETS)
def test_a_trace_carries_no_more_than_its_opportunities(gaps: list[tuple[int, int]]) -> None:
    queue = Droptail(Opportunities(TRACE), _refuse, Limit())
    for now_ns, size_bytes in arrive(gaps):
        queue.put(packet(size_bytes), now_ns)
    sent = list(queue.held())
    instants = sorted({each.t_queue_out_ns for each in sent})
    for earlier, later in pairwise([-1, *instants]):
        carried = sum(each.size_bytes + 4 for each in sent if earlier < each.t_queue_out_ns <= later)
        offered = sum(earlier < (lap * TRACE[-1] + at_ms) * MS <= later for lap in range(50) for at_ms in TRACE)
        assert carried <= (offered + 1) * 1504, "at most one packet was begun before"


def _refuse(packet: Packet) -> None:
    pytest.fail(f"packet {packet.index} was dropped from a queue without a limit")
