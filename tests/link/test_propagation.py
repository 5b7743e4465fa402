"""The distance: a constant delay is constant, jitter has the asked width, and order is kept whatever the jitter."""

from statistics import mean, stdev

from lab.link.propagation import Propagation
from tests.link.packets import packet

MS = 1_000_000


def _delays_ns(delay_ns: int, jitter_ns: int, gap_ns: int, count: int = 5000, seed: str = "1") -> list[int]:
    stage = Propagation(delay_ns, jitter_ns, seed)
    for index in range(count):
        stage.put(packet(), index * gap_ns)
    return [each.t_due_ns - index * gap_ns for index, each in enumerate(stage.held())]


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
