"""Rows 4, 12 and 13 of the design's kernel table: what cork, window and send buffer hold back, by structure and counts."""

from statistics import median

import pytest

from lab.run.forge import Forge
from tests.e2e.harness import NS_PER_MS, Measured, measure

pytestmark = pytest.mark.needs("tun")

TICKER = {"profile": "ticker", "chunks": 40, "interval": "20ms", "first": "20ms"}


def test_a_cork_holds_ten_chunks_and_lets_them_go_together(forge: Forge) -> None:
    """Row 4: what is less than a segment waits ~200 ms (net/ipv4/tcp_output.c) and comes as one clump, in one read."""
    measured = measure(forge, workload=TICKER, server={"cork": True}, path={"delay": "5ms"})
    assert len(measured.chunks) == 40
    assert measured.reads_with_chunks() <= 40 / 6
    held = [chunk["sent_ns"] - chunk["accepted_ns"] for chunk in measured.chunks]
    assert max(held) > 6 * 20 * NS_PER_MS


RTT_MS = 100


def test_a_small_receive_window_lets_one_window_through_per_round_trip(forge: Forge) -> None:
    """Row 12: 16 kB/s are asked of a window that gives less; gaps of a round trip, and a lateness that grows."""
    workload = TICKER | {"interval": "10ms", "size": "300B", "chunks": 80}
    path = {"delay": "50ms"}
    small = measure(forge, workload=workload, path=path, client={"rcvbuf": "2304B"})
    large = measure(forge, workload=workload, path=path)
    assert sum(gap > 0.8 * RTT_MS for gap in small.gaps_ms()) >= 5 > sum(gap > 0.8 * RTT_MS for gap in large.gaps_ms())
    assert _lateness_growth(small) > 3 * RTT_MS
    assert _lateness_growth(large) < RTT_MS
    assert max(packet["window"] for packet in small.packets("up")[2:]) < 4 * 2304


def _lateness_growth(measured: Measured) -> float:
    """From the first chunk to the last, ms."""
    first, *_, last = measured.chunks
    return float(last["arrival_ns"] - last["due_ns"] - first["arrival_ns"] + first["due_ns"]) / NS_PER_MS


def test_a_small_send_buffer_keeps_what_is_read_fresh_and_not_early(forge: Forge) -> None:
    """Row 13: more is said than the path carries. Arrival − due is the same; the age falls, for chunks wait unsent."""
    workload = TICKER | {"interval": "10ms", "size": "800B", "chunks": 150}
    path = {"delay": "5ms", "rate": "400kbit/s"}
    usual, small = (measure(forge, workload=workload, path=path, server=server) for server in ({}, {"sndbuf": "4608B"}))
    ages, lateness = ([_medians(each, since) for each in (usual, small)] for since in ("accepted_ns", "due_ns"))
    assert ages[0] > 2 * ages[1]
    assert 0.7 * lateness[0] < lateness[1] < 1.4 * lateness[0]


def _medians(measured: Measured, since: str) -> float:
    """Of arrival − `since`."""
    return float(median(chunk["arrival_ns"] - chunk[since] for chunk in measured.chunks))
