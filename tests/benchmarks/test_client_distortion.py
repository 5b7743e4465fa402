"""What a client makes of one and the same stream, set beside the packet record at its own kernel.

The rule: all are measured by one yardstick, in one run, interleaved; the last two are no clients of the lab but what much
people's code does, as a warning. The aim is structure: the lab's own clients add no lumps.
"""

import functools
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pytest

from lab.analysis.distortion import chunks_per_segment
from lab.analysis.metrics import Records, measure
from lab.analysis.received import received
from lab.analysis.sentence import rhythm
from lab.clients.visit import Visit
from lab.linux.child import Control
from lab.model.scenario import CellSpec
from lab.path.base import Path
from lab.run import roles
from lab.run.conductor import ClientRole, conduct
from lab.run.matrix import join_evidence
from lab.run.repetition import Repetition
from lab.trace.records import ChunkRow, ClientRecord, StreamSeen
from tests.e2e.harness import cell_of

pytestmark = [pytest.mark.bench, pytest.mark.needs("tun")]

FRAMINGS = ("chunked", "close")
OURS = ("raw", "httpx", "httpx-sse", "locust", "browser", "browser-eventsource")
WARNINGS = {"requests, iter_lines": "requests", "Locust, iter_lines": "locust"}
REPEAT = 2
INTERVAL_MS = 20.0
LIMIT_S = 60


class Figures(NamedTuple):
    """Of one client under one framing."""

    bias_ms: float
    jitter_ms: float
    chunks_per_read: float | None
    lump: float
    segment: float


def iter_lines(_control: Control, spec: CellSpec, visit: Visit, path: Path, library: str) -> ClientRecord:
    """The client's role, played by people's own code."""
    path.enter("client")
    command = [sys.executable, "-m", "tests.benchmarks.peers.iter_lines", library, visit.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S)
    told = json.loads(done.stdout)
    seen = StreamSeen(stream=1, due_ns=told["request_ns"], request_ns=told["request_ns"], completion="done")
    seen.chunks = [ChunkRow(None, text, arrival_ns, 0) for text, arrival_ns in told["chunks"]]
    return ClientRecord([seen], {})


def clients() -> dict[str, tuple[str, ClientRole]]:
    """By name: the kind that the cell is told, and who plays the client."""
    others = {name: ("raw", functools.partial(iter_lines, library=library)) for name, library in WARNINGS.items()}
    return {kind: (kind, roles.client) for kind in OURS} | others


def _repetition(kind: str, framing: str, rep: int) -> Repetition:
    workload = {"profile": "ticker", "chunks": 60, "interval": f"{INTERVAL_MS:g}ms", "first": "100ms"}
    tables = {"workload": workload, "path": {"preset": "fibre"}, "server": {"framing": framing}}
    return Repetition(cell_of(**tables, client={"kind": kind}), rep, rep, f"1/{rep}")


def _figures(tables: list[dict[str, pa.Table]]) -> Figures:
    chunks, streams, path = (
        pa.concat_tables([each[name] for each in tables]) for name in ("chunks", "streams", "path")
    )
    metrics, came = measure(Records(chunks, streams, path)), received(chunks)
    found, segment = rhythm(came, INTERVAL_MS), chunks_per_segment(came)
    assert metrics.ttfc_bias_ms_p50 is not None
    assert metrics.gap_jitter_ms_p99 is not None
    assert segment is not None
    lump = found.letters if found else len(came.arrival_ns) / len(came.starts)
    return Figures(metrics.ttfc_bias_ms_p50, metrics.gap_jitter_ms_p99, metrics.chunks_per_read, lump, segment)


@pytest.fixture(scope="module")
def table() -> Iterator[dict[tuple[str, str], Figures]]:
    """Measured round by round; printed also when an aim is missed."""
    tables: dict[tuple[str, str], list[dict[str, pa.Table]]] = {}
    for rep in range(1, REPEAT + 1):
        for name, (kind, role) in clients().items():
            for framing in FRAMINGS:
                repetition = _repetition(kind, framing, rep)
                joined = join_evidence(repetition, conduct(repetition, role))
                tables.setdefault((name, framing), []).append(joined.tables)
    figures = {key: _figures(parts) for key, parts in tables.items()}
    yield figures
    print("\n\nWhat a client adds to a letter every 20 ms, beside the packet record at its kernel")
    print("client                framing  TTFC bias ms  gap jitter p99 ms  chunks/read  letters/lump  chunks/segment")
    for (name, framing), each in figures.items():
        reads = "–" if each.chunks_per_read is None else f"{each.chunks_per_read:.2f}"
        print(
            f"{name:<22}{framing:<9}{each.bias_ms:>12.2f}{each.jitter_ms:>19.2f}{reads:>13}{each.lump:>14.2f}"
            f"{each.segment:>16.2f}"
        )


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("kind", OURS)
def test_the_labs_clients_add_no_lumps(table: dict[tuple[str, str], Figures], kind: str, framing: str) -> None:
    figures = table[kind, framing]
    assert figures.lump < 1.2 * figures.segment


def test_iter_lines_of_locust_waits_for_its_buffer(table: dict[tuple[str, str], Figures]) -> None:
    assert all(table["Locust, iter_lines", framing].lump > 10 for framing in FRAMINGS)


def test_iter_lines_of_requests_waits_where_no_frame_helps_it(table: dict[tuple[str, str], Figures]) -> None:
    assert table["requests, iter_lines", "close"].lump > 5 * table["requests, iter_lines", "chunked"].lump
