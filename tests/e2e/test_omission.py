"""Coordinated omission, shown and avoided: the same server stalls in the same way, and only the arrivals differ.

In a closed loop the reader is kept from asking by the very stall that it should measure. With open arrivals a request is due
by the clock, and its wait counts although it could not be sent yet.
"""

import statistics
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from lab.analysis.metrics import Measuring, Metrics, Records
from lab.analysis.metrics import measure as figures
from lab.run.forge import Forge
from lab.run.matrix import join_evidence
from lab.run.repetition import Repetition
from lab.trace.schema import empty
from tests.e2e import stalling_app
from tests.e2e.harness import NS_PER_MS, Row, cell_of

COMMAND = f"{sys.executable} {Path(stalling_app.__file__)} {{host}} {{port}}"
STREAMS, REQUESTS = 3, 80
SPACING_NS = 10 * NS_PER_MS
STALL_NS = round(stalling_app.STALL_S * 1e9)


@dataclass(frozen=True)
class Loop:
    """What came of one run: its streams in the order of their numbers, and when the first chunk of each was there."""

    streams: list[Row]
    arrivals_ns: list[int]
    metrics: Metrics

    def waits_ns(self, since: str) -> list[int]:
        """From `due_ns` or `request_ns` to the first chunk."""
        pairs = zip(self.streams, self.arrivals_ns, strict=True)
        return [arrival_ns - stream[since] for stream, arrival_ns in pairs]

    def stalled(self, since: str) -> int:
        """How many waited for most of the stall's first half."""
        return sum(wait_ns > STALL_NS / 2 for wait_ns in self.waits_ns(since))


def loop(forge: Forge, kind: str, arrivals: str) -> Loop:
    """One run against a fresh server that will stall once."""
    client = {"kind": kind, "streams": STREAMS, "requests": REQUESTS, "arrivals": arrivals}
    workload = {"profile": "ticker", "chunks": 1, "interval": "1ms"}
    cell = cell_of(workload=workload, client=client, server={"command": COMMAND}, path={"backend": "loopback"})
    repetition = Repetition(cell, rep=1, slot=1, seed="1/1")
    tables = join_evidence(repetition, forge.conduct(repetition)).tables
    records = Records(tables["chunks"], tables["streams"], empty("path"))
    streams, chunks = tables["streams"].to_pylist(), tables["chunks"].to_pylist()
    assert [row["completion"] for row in streams] == ["done"] * REQUESTS
    assert [row["stream"] for row in chunks] == [row["stream"] for row in streams]
    return Loop(
        streams,
        [row["arrival_ns"] for row in chunks],
        figures(records, Measuring(open_arrivals=cell.spec.client.arrivals.open_loop)),
    )


@pytest.mark.parametrize("kind", ["raw", "httpx", "locust"])
def test_the_same_stall_in_a_closed_and_in_an_open_loop(forge: Forge, kind: str) -> None:
    closed, opened = loop(forge, kind, "together"), loop(forge, kind, "staggered:10ms")

    # Closed: nobody asks while all wait, so that two or three requests of eighty met the stall, and p95 knows nothing of it.
    assert 1 <= closed.stalled("due_ns") <= STREAMS
    assert closed.metrics.ttfc_ms_p95 is not None
    assert opened.metrics.ttfc_ms_p95 is not None
    assert opened.metrics.ttfc_ms_p95 > 3 * closed.metrics.ttfc_ms_p95
    assert opened.metrics.ttfc_ms_p95 * NS_PER_MS > STALL_NS / 2

    # Open: from when they were sent, no more of them seem to have waited; from when they were due, all did.
    assert 1 <= opened.stalled("request_ns") <= STREAMS
    assert opened.stalled("due_ns") > 5 * STREAMS
    for since_due_ns, since_request_ns in zip(opened.waits_ns("due_ns"), opened.waits_ns("request_ns"), strict=True):
        assert since_due_ns >= since_request_ns

    # Every request that was due in the stall waited for what was left of it: less by the spacing from one to the next.
    begun = stalling_app.STALLS_AT_REQUEST - 1
    over_ns = opened.streams[begun]["due_ns"] + STALL_NS
    stalled = [index for index in range(begun + STREAMS, REQUESTS) if opened.streams[index]["due_ns"] < over_ns]
    waits_ns = [opened.waits_ns("due_ns")[index] for index in stalled]
    assert len(stalled) >= STALL_NS / SPACING_NS - STREAMS - 1
    assert all(
        wait_ns >= over_ns - opened.streams[index]["due_ns"] for index, wait_ns in zip(stalled, waits_ns, strict=True)
    )
    assert 0.5 < statistics.median(early - late for early, late in pairwise(waits_ns)) / SPACING_NS < 1.1
