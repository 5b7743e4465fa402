"""Losing by time: bursts have the lengths and the share that they were given, blackouts their instants."""

from itertools import pairwise
from statistics import mean

import pytest

from lab.link.outages import Blackouts, GilbertElliott
from lab.link.packet import BLACKOUT, BURST, Packet
from tests.link.packets import packet

MS = 1_000_000


def _lost(
    gap_ns: int,
    count: int,
    losses: tuple[float, float] = (0.0, 1.0),
    seed: str = "1",
    stays_ms: tuple[int, int] = (90, 10),
) -> list[int]:
    """Which of `count` packets, one every `gap_ns`, are lost."""
    dropped: list[Packet] = []
    stage = GilbertElliott((stays_ms[0] * MS, stays_ms[1] * MS), losses, seed, dropped.append)
    for index in range(count):
        stage.put(packet(index=index), index * gap_ns)
    assert {each.verdict for each in dropped} <= {BURST}
    return [each.index for each in dropped]


def _bursts(lost: list[int]) -> list[int]:
    """Lengths of the runs of neighbours."""
    runs = [1] if lost else []
    for earlier, later in pairwise(lost):
        if later == earlier + 1:
            runs[-1] += 1
        else:
            runs.append(1)
    return runs


def test_bursts_have_their_share_and_their_length() -> None:
    """Over a thousand bad states of 10 ms in 100 s: a share of a tenth, whose σ is a tenth of √(2 / 1000)."""
    lost = _lost(MS, 100_000)
    assert 0.078 < len(lost) / 100_000 < 0.122
    assert 8 < mean(_bursts(lost)) < 13, "a bad state of 10 ms meets ten packets, and two states can touch"


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_the_states_go_by_time_and_not_by_packets(seed: str) -> None:
    """Ten times rarer packets meet the same states: who was lost at an instant is lost at it again."""
    often, rarely = _lost(MS, 20_000, seed=seed), _lost(10 * MS, 2_000, seed=seed)
    assert [index * 10 for index in rarely] == [index for index in often if index % 10 == 0]


def test_each_state_has_its_own_probability() -> None:
    lost = _lost(MS, 100_000, losses=(0.1, 0.6), stays_ms=(50, 50))
    assert 0.32 < len(lost) / 100_000 < 0.38


def test_a_state_without_loss_loses_nothing() -> None:
    assert _lost(MS, 10_000, losses=(0.0, 0.0)) == []


def test_it_begins_in_the_bad_state_as_often_as_it_is_in_it() -> None:
    begun_bad = sum(_lost(MS, 1, seed=str(seed), stays_ms=(50, 50)) == [0] for seed in range(1000))
    assert 400 < begun_bad < 600


def test_the_seed_decides() -> None:
    assert _lost(MS, 5000) == _lost(MS, 5000)
    assert _lost(MS, 5000) != _lost(MS, 5000, seed="2")


PERIODS = [(2, 3), (5, 9)]
BLACKOUTS: dict[str, tuple[int | None, list[int]]] = {
    "once": (None, [2, 5, 6, 7, 8]),
    "again and again": (10, [2, 5, 6, 7, 8, 12, 15, 16, 17, 18, 22]),
    "seam to seam": (9, [2, 5, 6, 7, 8, 11, 14, 15, 16, 17, 20, 23]),
}


@pytest.mark.parametrize(("every_ms", "lost"), BLACKOUTS.values(), ids=BLACKOUTS)
def test_blackouts(every_ms: int | None, lost: list[int]) -> None:
    dropped: list[Packet] = []
    every_ns = every_ms and every_ms * MS
    stage = Blackouts([(begin * MS, end * MS) for begin, end in PERIODS], every_ns, dropped.append)
    stage.start(1000 * MS)
    for at_ms in range(24):
        stage.put(packet(index=at_ms), (1000 + at_ms) * MS)
    assert [each.index for each in dropped] == lost
    assert {each.verdict for each in dropped} == {BLACKOUT}
