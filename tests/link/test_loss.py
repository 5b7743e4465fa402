"""Losing packets: the list loses exactly those, chance loses the share asked for, and the same ones again."""

from dataclasses import dataclass

import pytest

from lab.link.loss import Bernoulli, DropList, Tail
from lab.link.observer import Observer
from lab.link.packet import DOWN, LISTED, LOST, NULL, TAIL, UP, Packet
from tests.link.packets import ACK, CLIENT, FIN, PSH, SERVER, SYN, packet, tcp

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


# Within 5 σ of the binomial distribution of 20,000 packets.
@pytest.mark.parametrize(
    ("probability", "low", "high"), [(0.0, 0, 0), (0.02, 301, 499), (0.5, 9646, 10354), (1.0, 20_000, 20_000)]
)
def test_chance_loses_its_share(probability: float, low: int, high: int) -> None:
    assert low <= len(_lost(probability, "1")) <= high


def test_the_seed_decides() -> None:
    assert _lost(0.02, "1") == _lost(0.02, "1")
    assert _lost(0.02, "1") != _lost(0.02, "2")


LAST = b"0\r\n\r\n"
TAILS: dict[str, tuple[list[tuple[int, int, bytes]], list[int]]] = {
    # Segments as (sequence number, flags, payload); which of them, by place from 0, are lost.
    "the last-chunk alone": ([(1, ACK, b"5\r\nhello\r\n"), (11, PSH | ACK, LAST)], [1]),
    "behind the last letter": ([(1, PSH | ACK, b"5\r\nhello\r\n" + LAST)], [0]),
    "data with FIN": ([(1, ACK, b"hello"), (6, FIN | PSH | ACK, b"world")], [1]),
    "a FIN of its own": ([(1, ACK, b"hello"), (6, FIN | ACK, b"")], []),
    "sent again, it passes": ([(1, ACK, LAST), (1, ACK, LAST)], [0]),
    "sent again with what was before it": ([(6, ACK, LAST), (1, ACK, b"abc\r\n" + LAST)], [0]),
    "each response has an end": ([(1, ACK, LAST), (6, ACK, b"HTTP/1.1 200 OK"), (21, ACK, LAST)], [0, 2]),
    "a head that ends in a zero": ([(1, ACK, b"GET / HTTP/1.1\r\nHost: 198.18.0.1:8000\r\n\r\n")], []),
    "in the middle": ([(1, ACK, b"\r\n" + LAST + b"HTTP/1.1 200 OK\r\n")], []),
}


@pytest.mark.parametrize(("segments", "lost"), TAILS.values(), ids=TAILS)
def test_the_tail_is_what_ends_a_response(segments: list[tuple[int, int, bytes]], lost: list[int]) -> None:
    observer, dropped = Observer(), list[Packet]()
    observer.observe(UP, tcp(flags=SYN), 0)
    stage = Tail(dropped.append)
    for seq, flags, payload in segments:
        stage.put(observer.observe(DOWN, tcp(SERVER, CLIENT, flags, seq=seq, payload=payload), 0), 0)
    assert [each.index - 1 for each in dropped] == lost
    assert {each.verdict for each in dropped} <= {TAIL}
