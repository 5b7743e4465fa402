"""Losing packets: the list loses exactly those, chance loses the share asked for, and the same ones again."""

from dataclasses import dataclass

import pytest

from lab.link.loss import Bernoulli, DropList
from lab.link.packet import LISTED, LOST, NULL, Packet
from tests.link.packets import packet

DATA, PURE_ACK = 100, 0


@dataclass
class Case:
    """Packets as (connection, payload bytes); which of them, by place from 0, the list (2, 3) loses."""

    packets: list[tuple[int, int]]
    lost: list[int]


CASES = {
    "data only": Case([(1, DATA)] * 5, [1, 2]),
    "acknowledgements pass uncounted": Case([(1, DATA), (1, PURE_ACK), (1, DATA), (1, PURE_ACK), (1, DATA)], [2, 4]),
    "each connection counts for itself": Case([(1, DATA), (2, DATA), (2, DATA), (1, DATA)], [2, 3]),
    "what is not TCP passes": Case([(NULL, NULL)] * 4, []),
    "fewer packets than listed": Case([(1, DATA)], []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_list_loses_exactly_those(case: Case) -> None:
    dropped: list[Packet] = []
    stage = DropList((2, 3), dropped.append)
    for place, (connection, payload_bytes) in enumerate(case.packets):
        stage.put(packet(140, payload_bytes, connection, index=place), 0)
    assert [each.index for each in dropped] == case.lost
    assert {each.verdict for each in dropped} <= {LISTED}


def _lost(probability: float, seed: str, count: int = 20_000) -> list[int]:
    dropped: list[Packet] = []
    stage = Bernoulli(probability, seed, dropped.append)
    for index in range(count):
        stage.put(packet(index=index), index)
    assert {each.verdict for each in dropped} <= {LOST}
    return [each.index for each in dropped]


@pytest.mark.parametrize(
    ("probability", "low", "high"), [(0.0, 0, 0), (0.02, 320, 480), (0.5, 9700, 10300), (1.0, 20_000, 20_000)]
)
def test_chance_loses_its_share(probability: float, low: int, high: int) -> None:
    assert low <= len(_lost(probability, "1")) <= high


def test_the_seed_decides() -> None:
    assert _lost(0.02, "1") == _lost(0.02, "1")
    assert _lost(0.02, "1") != _lost(0.02, "2")
