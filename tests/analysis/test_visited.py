"""Figures of probed responses: counted by hand, pooled, and compared only where the difference is plain."""

from dataclasses import replace
from typing import Any

import pytest

from lab.analysis.arrivals import Arrivals
from lab.analysis.signature import Signature
from lab.analysis.visited import Figures, differences, figures, pooled
from lab.trace.records import ChunkRow, ReadRow, StreamSeen

MS = 1_000_000


def _seen() -> StreamSeen:
    """Three chunks in two of three reads."""
    seen = StreamSeen(1, 0, connect_ns=0, connected_ns=2 * MS, request_ns=5 * MS, first_byte_ns=10 * MS, end_ns=90 * MS)
    seen.status, seen.completion = 200, "done"
    seen.reads = [ReadRow(at, 10, None, at * MS) for at in (10, 30, 70)]
    seen.chunks = [ChunkRow(15, "a", 30 * MS, 2), ChunkRow(20, "b", 30 * MS, 2), ChunkRow(30, "c", 70 * MS, 3)]
    return seen


def test_figures_of_one_response() -> None:
    one = figures(_seen(), Arrivals(0, 1, [], []), secured_ns=4 * MS)
    assert (one.connect_ms, one.secure_ms, one.ttfb_ms, one.ttfc_ms) == (2.0, 2.0, 5.0, 25.0)
    assert one.gaps_ms == (0.0, 40.0)
    assert (one.gap_ms(0.5), one.gap_ms(1.0)) == (20.0, 40.0)
    assert (one.chunks, one.reads, one.chunks_per_read) == (3, 3, 1.5)
    assert (one.status, one.completion) == (200, "done")


def test_what_never_happened_is_unknown() -> None:
    one = figures(StreamSeen(1, 0), Arrivals(0, 1, [], []), None)
    assert (one.status, one.connect_ms, one.secure_ms, one.ttfb_ms, one.ttfc_ms) == (None,) * 5
    assert (one.gap_ms(0.5), one.chunks_per_read, one.completion) == (None, None, "stopped")


SMOOTH = Signature("smooth", "why")
BASE = Figures(200, 1.0, None, 10.0, 100.0, (20.0,) * 20, 21, 22, 21, "done", SMOOTH)


def test_several_are_pooled() -> None:
    worse = replace(
        BASE, ttfc_ms=300.0, connect_ms=None, gaps_ms=(50.0,), chunks=2, reads_with_chunks=1, completion="reset"
    )
    all_three = pooled([BASE, worse, replace(BASE, ttfc_ms=110.0)])
    assert (all_three.ttfc_ms, all_three.connect_ms, all_three.secure_ms) == (110.0, 1.0, None)
    assert len(all_three.gaps_ms) == 41
    assert (all_three.chunks, all_three.reads, all_three.reads_with_chunks) == (44, 66, 43)
    assert all_three.completion == "reset"
    assert pooled([BASE]) is BASE


DIFFERENCES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "the same": ({}, []),
    "noise": ({"ttfc_ms": 130.0, "gaps_ms": (25.0,) * 20}, []),
    "twice as long, and noticed by nobody": ({"gaps_ms": (45.0,) * 20}, []),
    "a status": ({"status": 405}, ["status 200 → 405"]),
    "no status": ({"status": None}, ["status 200 → none"]),
    "an ending": ({"completion": "truncated"}, ["ending done → truncated"]),
    "a verdict": ({"signature": Signature("whole-body", "")}, ["verdict smooth → whole-body"]),
    "no verdict": ({"signature": Signature("undecided", "")}, []),
    "the first chunk": ({"ttfc_ms": 2000.0}, ["first chunk 100 ms → 2 s"]),
    "sooner": ({"ttfc_ms": 10.0}, ["first chunk 100 ms → 10 ms"]),
    "gaps": ({"gaps_ms": (100.0,) * 20}, ["gap p95 20 ms → 100 ms"]),
    "lumps": ({"reads_with_chunks": 3}, ["chunks per read 1 → 7"]),
    "nothing came": ({"ttfc_ms": None, "gaps_ms": (), "chunks": 0, "reads_with_chunks": 0}, []),
}


@pytest.mark.parametrize(("change", "phrases"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_a_change_did(change: dict[str, Any], phrases: list[str]) -> None:
    assert differences(BASE, replace(BASE, **change)) == phrases
