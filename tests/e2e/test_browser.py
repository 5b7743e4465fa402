"""`client.kind = "browser"` in real cells: every chunk, joined to server and path, within the stated error of its clock."""

import csv
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lab.run.forge import Forge
from lab.run.repetition import Repetition
from lab.trace.run_info import RunInfo
from tests.e2e.harness import cell_of, joined

KINDS = ["browser", "browser-eventsource"]
WORKLOAD = {"profile": "ticker", "chunks": 30, "interval": "20ms", "format": "openai"}


def run(forge: Forge, **tables: Any) -> Any:
    """The joined tables, and what the client handed over."""
    repetition = Repetition(cell_of(workload=WORKLOAD, **tables), rep=1, slot=1, seed="1/1")
    evidence = forge.conduct(repetition)
    return joined(repetition, evidence), evidence.seen


PATHS = {
    "loopback": {},
    "tun": {"backend": "tun", "delay": "10ms"},
}


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("path", [pytest.param("loopback"), pytest.param("tun", marks=pytest.mark.needs("tun"))])
@pytest.mark.parametrize("kind", KINDS)
def test_all_chunks_arrive_after_they_were_there(forge: Forge, kind: str, path: str, framing: str) -> None:
    measured, seen = run(forge, path=PATHS[path], server={"framing": framing}, client={"kind": kind, "streams": 2})
    assert len(measured.chunks) == 2 * 30
    assert measured.disagreements == 0
    assert [stream["completion"] for stream in measured.streams] == ["done", "done"]
    before = "recv_ns" if path == "tun" else "accepted_ns"
    for chunk in measured.chunks:
        assert chunk["arrival_ns"] >= chunk[before] - seen.clock_error_ns
        assert chunk["offset"] is not None
        assert (chunk["read_ns"] is None) is (kind == "browser-eventsource")
    assert sum(read["bytes"] for read in measured.reads) > 0 or kind == "browser-eventsource"


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", KINDS)
def test_the_clock_is_exact_and_set_up_is_a_figure_of_its_own(forge: Forge, kind: str) -> None:
    measured, seen = run(forge, client={"kind": kind})
    assert seen.clock_error_ns <= 110_000, "the page's clock was isolated: 5 µs; otherwise 100"
    (stream,) = measured.streams
    assert seen.setup_ns > stream["request_ns"] - stream["due_ns"], "starting a browser is not part of a request"
    instants = ["due_ns", "connect_ns", "connected_ns", "request_ns", "first_byte_ns", "headers_ns", "end_ns"]
    for earlier, later in pairwise(instants):
        assert stream[earlier] <= stream[later] + 2 * seen.clock_error_ns
    assert stream["first_byte_ns"] <= measured.chunks[0]["arrival_ns"] + 2 * seen.clock_error_ns
    assert (stream["status"], stream["client_port"], stream["connection"]) == (200, None, None)


SCENARIO = """
[workload]
profile = "ticker"
chunks = 8
interval = "50ms"
[scenario]
repeat = 1
[server]
congestion = "reno"
[matrix]
"client.kind" = ["raw", "browser"]
"""


def lab_run(tmp_path: Path, **environment: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    file = tmp_path / "clients.toml"
    file.write_text(SCENARIO)
    command = [sys.executable, "-m", "lab", "run", str(file), "--out", str(tmp_path / "results")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"LAB_REQUIRE": ""} | environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done, Path(done.stdout.splitlines()[-1])


@pytest.mark.needs("chromium")
def test_raw_and_browser_side_by_side(tmp_path: Path) -> None:
    _, directory = lab_run(tmp_path)
    rows = {row["client.kind"]: row for row in csv.DictReader((directory / "summary.csv").read_text().splitlines())}
    assert {kind: row["chunks"] for kind, row in rows.items()} == {"raw": "8", "browser": "8"}
    assert all(row["ttfc_ms_p50"] for row in rows.values())


def test_without_a_browser_its_cell_is_skipped_by_name(tmp_path: Path) -> None:
    done, directory = lab_run(tmp_path, PATH="/nonexistent")
    raw, browser = RunInfo.load(directory / "run.json").cells
    assert raw.skipped is None
    assert browser.skipped is not None
    assert "chromium" in browser.skipped.reason
    assert browser.skipped.remedy == "Debian: apt-get install chromium"
    assert f"browser was skipped: {browser.skipped.reason}" in done.stderr
