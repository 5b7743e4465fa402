"""The distance: a constant delay is constant, jitter has the asked width, and order is kept unless it is not to be."""

from statistics import mean, stdev

import pytest

from lab.link.jitter import draw_of
from lab.link.propagation import Propagation, Reordering
from lab.model.jitter import NormalJitter, TraceJitter, UniformJitter
from tests.link.packets import packet

MS = 1_000_000
Jitter = NormalJitter | UniformJitter | TraceJitter


def _normal(deviation_ns: int) -> NormalJitter:
    return NormalJitter.model_construct(deviation=deviation_ns)


def _uniform(spread_ns: int) -> UniformJitter:
    return UniformJitter.model_construct(spread=spread_ns)


def _stage(delay_ns: int, jitter: Jitter | None, seed: str) -> Propagation | Reordering:
    if jitter is None:
        return Propagation(delay_ns)
    draw = draw_of(jitter, seed)
    return Reordering(delay_ns, draw) if jitter.reorder else Propagation(delay_ns, draw)


def _put(delay_ns: int, jitter: Jitter | None, gap_ns: int, count: int, seed: str = "1") -> Propagation | Reordering:
    stage = _stage(delay_ns, jitter, seed)
    for index in range(count):
        stage.put(packet(index=index), index * gap_ns)
    return stage


def _delays_ns(delay_ns: int, jitter_ns: int, gap_ns: int, count: int = 5000, seed: str = "1") -> list[int]:
    jitter = _normal(jitter_ns) if jitter_ns else None
    held = _put(delay_ns, jitter, gap_ns, count, seed).held()
    return [each.t_due_ns - index * gap_ns for index, each in enumerate(held)]


def test_without_jitter_every_packet_takes_the_delay() -> None:
    assert set(_delays_ns(20 * MS, 0, gap_ns=7)) == {20 * MS}


def test_jitter_is_the_standard_deviation() -> None:
    delays = _delays_ns(50 * MS, 5 * MS, gap_ns=1000 * MS)
    assert abs(mean(delays) - 50 * MS) < MS / 2
    assert abs(stdev(delays) - 5 * MS) < MS / 2


def test_a_delay_is_never_negative() -> None:
    delays = _delays_ns(1 * MS, 50 * MS, gap_ns=1000 * MS)
    assert min(delays) == 0
    assert max(delays) > 50 * MS


def test_dense_packets_keep_their_order() -> None:
    gap_ns = MS // 10
    departures = [delay_ns + index * gap_ns for index, delay_ns in enumerate(_delays_ns(50 * MS, 5 * MS, gap_ns))]
    assert departures == sorted(departures)
    assert len(set(departures)) < len(departures), "jitter this wide must bunch packets"


def test_the_seed_decides() -> None:
    first, again, other = (_delays_ns(50 * MS, 5 * MS, MS, seed=seed) for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_uniform_jitter_fills_its_spread_and_no_more() -> None:
    stage = _put(50 * MS, _uniform(5 * MS), 1000 * MS, 5000)
    delays = [each.t_due_ns - each.index * 1000 * MS for each in stage.held()]
    assert 45 * MS <= min(delays) < 46 * MS
    assert 54 * MS < max(delays) <= 55 * MS
    assert abs(mean(delays) - 50 * MS) < MS / 4


def test_recorded_jitter_comes_line_by_line_and_again() -> None:
    trace = TraceJitter(file="x", extra_ns=(0, 7, 3))
    assert [each.t_due_ns for each in _put(100, trace, 1000, 5).held()] == [100, 1107, 2103, 3100, 4107]
    assert [each.t_due_ns for each in _put(100, trace, 1, 4).held()] == [100, 108, 108, 108], "and order is kept"


REORDERED = TraceJitter(file="x", extra_ns=(0, 7, 3, 1, 1), reorder=True)


def test_packets_overtake_when_asked() -> None:
    stage = _put(100, REORDERED, 1, 5)
    assert stage.deadline() == 100
    taken = []
    while (deadline_ns := stage.deadline()) is not None:
        assert stage.take(deadline_ns - 1) is None
        out = stage.take(deadline_ns)
        assert out is not None
        taken.append((out.index, out.t_due_ns))
    assert taken == [(0, 100), (3, 104), (2, 105), (4, 105), (1, 108)]


def test_what_is_held_is_in_the_order_of_leaving() -> None:
    assert [each.index for each in _put(100, REORDERED, 1, 5).held()] == [0, 3, 2, 4, 1]


@pytest.mark.parametrize("jitter", [_normal(5 * MS), _uniform(5 * MS)])
def test_reordering_leaves_the_mean_alone(jitter: Jitter) -> None:
    """Where keeping the order lets it grow: that is the difference between the two."""
    free, kept = (
        mean(each.t_due_ns - each.index * MS // 10 for each in _put(50 * MS, made, MS // 10, 5000).held())
        for made in (jitter.model_copy(update={"reorder": True}), jitter)
    )
    assert abs(free - 50 * MS) < MS / 2
    assert kept > free + MS
