"""Real Locust: its statistics know TTFC, gap and stream, its workers end in one run, a matrix drives it like any client."""

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.run.forge import Forge
from lab.trace.store import Run, open_run
from tests.e2e.harness import measure
from tests.e2e.serving import PATIENCE_S, free_port, served

LOAD = [sys.executable, "-m", "lab", "load"]
STREAM = "/v1/chat/completions?profile=ticker&chunks=10&interval=10ms"

OWN = """
from locust import LoadTestShape, constant, task
from lab.clients.locust.user import OpenAIUser

class Asker(OpenAIUser):
    wait_time = constant(1)

    @task
    def ask(self):
        self.chat("Tell me a story", max_tokens=5, name="story")
        self.stream("/nowhere", name="lost")

class Shape(LoadTestShape):
    def tick(self):
        return (2, 2) if self.get_run_time() < 2 else None
"""


def _load(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*LOAD, *arguments], capture_output=True, text=True, cwd=directory, timeout=2 * PATIENCE_S)


def _run(done: "subprocess.CompletedProcess[str]") -> Run:
    assert "Traceback" not in done.stderr, done.stderr
    return open_run(done.stdout.splitlines()[-1])


def _statistics(directory: Path) -> dict[str, dict[str, str]]:
    with (directory / "stats_stats.csv").open() as file:
        return {row["Name"]: row for row in csv.DictReader(file)}


def _whole_streams(run: Run, chunks: int) -> int:
    """How many streams ended by themselves; each of them has all its chunks, one after the other."""
    done = [row for row in run.table("streams").to_pylist() if row["completion"] != "stopped"]
    arrivals: dict[tuple[int, int], list[int]] = {}
    for row in run.table("chunks").to_pylist():
        arrivals.setdefault((row["rep"], row["stream"]), []).append(row["arrival_ns"])
    for row in done:
        own = arrivals[row["rep"], row["stream"]]
        assert (row["completion"], row["chunks_received"], len(own)) == ("done", chunks, chunks)
        assert own == sorted(own)
    return len(done)


def test_statistics_page_and_trace_tell_of_chunks(tmp_path: Path) -> None:
    with served() as server:
        options = ("--headless", "-u", "3", "-r", "3", "-t", "3s", "--csv", "stats", "--html", "stats.html")
        done = _load(tmp_path, server.url + STREAM, *options)
    assert done.returncode == 0, done.stderr
    rows = _statistics(tmp_path)
    assert {rows[name]["Type"] for name in ("TTFC", "gap", "stream")} == {"SSE"}
    assert {rows[name]["Failure Count"] for name in ("TTFC", "gap", "stream")} == {"0"}
    streams = int(rows["stream"]["Request Count"])
    assert streams >= 3
    assert int(rows["gap"]["Request Count"]) >= 9 * streams
    assert "TTFC" in (tmp_path / "stats.html").read_text()

    run = _run(done)
    assert run.path.parent == tmp_path / "results"
    assert _whole_streams(run, 10) >= streams
    again = subprocess.run(
        [*LOAD[:-1], "report", str(run.path)], capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S
    )
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, str(run.path))
    assert (run.path / "report.html").exists()


def test_own_users_and_shapes(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with served() as server:
        done = _load(tmp_path, server.url, "-f", "own.py", "--headless", "--csv", "stats")
    assert done.returncode == 1, done.stderr  # Locust's way to say that requests failed
    rows = _statistics(tmp_path)
    assert rows["story TTFC"]["Failure Count"] == "0"
    assert int(rows["story gap"]["Request Count"]) >= 4 * int(rows["story stream"]["Request Count"])
    assert rows["lost stream"]["Failure Count"] == rows["lost stream"]["Request Count"] != "0"
    streams = _run(done).table("streams").to_pylist()
    assert {(row["status"], row["chunks_received"]) for row in streams if row["completion"] != "stopped"} == {
        (200, 5),
        (404, 0),
    }


def _ended(processes: Sequence["subprocess.Popen[str]"]) -> list["subprocess.CompletedProcess[str]"]:
    done = []
    try:
        for process in processes:
            stdout, stderr = process.communicate(timeout=2 * PATIENCE_S)
            done.append(subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr))
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return done


def test_a_master_gathers_what_its_workers_saw(tmp_path: Path) -> None:
    port = free_port()
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    options = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
    with served() as server:
        master = (server.url + STREAM, *options, "--headless", "-u", "4", "-r", "4", "-t", "3s", "--csv", "stats")
        processes = [
            subprocess.Popen([*LOAD, *each], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
            for each in (master, worker, worker)
        ]
        done, *workers = _ended(processes)
    assert [each.returncode for each in (done, *workers)] == [0, 0, 0], done.stderr
    assert [each.stdout for each in workers] == ["", ""]  # the run is the master's
    run = _run(done)
    (entry,) = run.info.repetitions
    hosts = run.info.environment["load_hosts"]
    assert isinstance(hosts, list)
    (host,) = hosts
    assert isinstance(host, dict)
    assert isinstance(host["workers"], list)
    assert (host["rep"], len(host["workers"])) == (entry.rep, 2)
    assert _whole_streams(run, 10) >= int(_statistics(tmp_path)["stream"]["Request Count"]) >= 4


# Both users of its worker are in mid-stream when the test ends, and the worker takes its time to stop: of their streams
# nothing was reported before. Its figures are empty, for a stream that was stopped is no event of Locust's.
SLOW_WORKER = """
import time
from locust import constant, events, task
from lab.clients.locust.user import SSEUser

class Reader(SSEUser):
    wait_time = constant(1)

    @task
    def read(self):
        self.stream("/v1/chat/completions?profile=ticker&chunks=5000&interval=10ms")

@events.test_stop.add_listener
def dawdle(environment, **_):
    if "Worker" in type(environment.runner).__name__:
        time.sleep(1.5)
"""


def test_a_worker_that_reports_late_is_waited_for(tmp_path: Path) -> None:
    """Three times as late as Locust itself would wait."""
    port = str(free_port())
    (tmp_path / "slow.py").write_text(SLOW_WORKER)
    worker = ("-f", "slow.py", "--worker", "--master-host", "127.0.0.1", "--master-port", port)
    options = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "1")
    with served() as server:
        master = (server.url, "-f", "slow.py", *options, "--headless", "-u", "2", "-r", "2", "-t", "2s")
        processes = [
            subprocess.Popen([*LOAD, *each], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
            for each in (master, worker)
        ]
        done, _ = _ended(processes)
    assert "lost" not in done.stderr, done.stderr
    streams = _run(done).table("streams").to_pylist()
    assert [row["completion"] for row in streams] == ["stopped", "stopped"]
    assert all(row["chunks_received"] > 1 for row in streams)


PATHS = {
    "loopback": pytest.param({"backend": "loopback"}, id="loopback"),
    "tun": pytest.param({"backend": "tun", "delay": "5ms"}, id="tun", marks=pytest.mark.needs("tun")),
}


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("kind", ["httpx", "httpx-sse", "locust"])
def test_a_cell_of_a_matrix(forge: Forge, kind: str, path: dict[str, str]) -> None:
    """Every chunk arrives and is joined with what the server said of it, whatever library read it."""
    workload = {"profile": "ticker", "chunks": 10, "interval": "20ms", "format": "openai"}
    client = {"kind": kind, "streams": 2, "requests": 4, "arrivals": "staggered:20ms", "reuse": 2}
    measured = measure(forge, workload=workload, client=client, path=path)
    assert measured.disagreements == 0
    assert [row["completion"] for row in measured.streams] == ["done"] * 4
    assert [row["request"] for row in measured.streams] == [2] * 4
    assert len(measured.chunks) == 40
    for chunk in measured.chunks:
        assert chunk["emit_ns"] < chunk["read_ns"] <= chunk["arrival_ns"]
    dues = [row["due_ns"] for row in measured.streams]
    assert [due - dues[0] for due in dues] == [0, 20_000_000, 40_000_000, 60_000_000]
    if path["backend"] == "tun":
        for chunk in measured.chunks:
            assert chunk["sent_ns"] + 5_000_000 <= chunk["recv_ns"] <= chunk["read_ns"]
