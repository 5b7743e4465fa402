"""Repetitions side by side, as a person runs them: all of them are there, they really overlap, and Ctrl-C ends them all."""

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest

from lab.model.matrix import expand
from lab.model.scenario import read_document
from lab.run import runs
from lab.run.calibration import memory
from lab.run.forge import Forge, forges
from lab.run.matrix import execute, resolve_paths
from lab.run.progress import PlainLines
from lab.trace.run_info import RepetitionInfo
from lab.trace.store import Run, open_run
from tests.e2e.sse_app import CHUNKS
from tests.processes import PATIENCE_S, descendants, ends
from tests.run.calibration import found

SCENARIO = """
[scenario]
repeat = 2
[workload]
profile = "ticker"
chunks = 10
interval = "40ms"
[matrix]
path = ["loopback", "lan"]
"""
PROGRAM = """
[[cell]]
name = "program"
"server.command" = "{python} -m uvicorn tests.e2e.sse_app:app --host {host} --port {port}"
"""


@pytest.fixture(autouse=True)
def a_machine_that_bears_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    memory.remember(found.calibration(jobs=found.jobs(None, None)))


def _overlaps(entries: list[RepetitionInfo]) -> Iterator[tuple[RepetitionInfo, RepetitionInfo]]:
    for one, other in combinations(entries, 2):
        if one.started_ns < other.finished_ns and other.started_ns < one.finished_ns:
            yield one, other


@pytest.mark.needs("tun")
def test_two_at_a_time_measure_what_one_at_a_time_measures(tmp_path: Path, forge: Forge) -> None:
    alone = _run(tmp_path, [forge], SCENARIO)
    with forges(1) as (other,):
        both = _run(tmp_path, [forge, other], SCENARIO + PROGRAM)
    assert list(_overlaps(alone.info.repetitions)) == []
    beside = list(_overlaps(both.info.repetitions))
    assert beside
    assert "program" not in {entry.cell for pair in beside for entry in pair}, "nobody judges it, so it runs alone"
    filled = _shapes(alone)
    program = {("program", slot): (CHUNKS, False) for slot in (1, 2)}
    assert _shapes(both) == {**filled, **program}
    assert set(filled.values()) == {(10, False), (10, True)}
    assert not list(both.path.rglob(".*"))


def _run(out: Path, at_hand: list[Forge], scenario: str) -> Run:
    plan = read_document(tomllib.loads(scenario), "two", "two")
    cells = expand(plan)
    run = runs.create(plan, {}, cells, resolve_paths(at_hand[0], cells), out, len(at_hand))
    execute(run, at_hand, PlainLines())
    return run


def _shapes(run: Run) -> dict[tuple[str, int], tuple[int, bool]]:
    """By cell and slot: how many chunks its repetitions have, and whether packets were logged; nothing may have failed."""
    found: dict[tuple[str, int], tuple[int, bool]] = {}
    for entry in run.info.repetitions:
        assert entry.error is None
        tables = [run.repetition(entry.cell, entry.rep, name).num_rows for name in ("chunks", "path")]
        shape = tables[0], tables[1] > 0
        assert found.setdefault((entry.cell, entry.slot), shape) == shape
    return found


def test_ctrl_c_ends_all_of_them_and_resuming_keeps_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two.toml").write_text(SCENARIO)
    only = ["--only", "path=loopback", "--repeat", "9"]
    where = ["--jobs", "2", "--out", str(tmp_path / "results")]
    with _after(1, str(tmp_path / "two.toml"), *only, *where) as (runner, processes):
        runner.send_signal(signal.SIGINT)
        _, stderr = runner.communicate(timeout=PATIENCE_S)
    run = (tmp_path / "results" / "latest").resolve()
    assert runner.returncode == 130
    assert f"lab run --resume {run}" in stderr
    assert len(processes) >= 2, "one forge for each"
    assert all(ends(pid) for pid in processes)
    kept = open_run(run).info.repetitions
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # what was allowed when the run began is not asked for again
    with _after(4, "--resume", str(run)):
        pass
    resumed = open_run(run).info
    assert resumed.jobs == 2
    assert resumed.repetitions[: len(kept)] == kept
    assert list(_overlaps(resumed.repetitions[len(kept) :]))


@contextmanager
def _after(repetitions: int, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """A run in which so many repetitions are over, and every process that it has; killed afterwards."""
    command = [sys.executable, "-m", "lab", "run", *arguments]
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert runner.stderr is not None
        lines = [runner.stderr.readline() for _ in range(repetitions)]
        assert all(line.startswith("[") for line in lines), lines
        yield runner, descendants(runner.pid)
    finally:
        runner.kill()
        runner.communicate()
