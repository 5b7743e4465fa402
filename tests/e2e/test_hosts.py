"""Locust as those with several machines run it: server, master and two workers, each on a host of its own."""

import csv
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.trace.store import open_run
from tests.e2e.hosts import Hosts, address, hosts
from tests.processes import ends, until

LAB = [sys.executable, "-m", "lab"]
SERVER, MASTER, WORKERS = 1, 2, (3, 4)
STREAM = "/v1/chat/completions?profile=ticker&chunks=20&interval=10ms"
PATIENCE_S = 60


def serve(lan: Hosts, directory: Path) -> None:
    """The lab's server on its host."""
    server = lan.start(SERVER, [*LAB, "serve", "--host", address(SERVER), "--port", "8000"], directory)
    assert server.stderr is not None
    line = server.stderr.readline()
    assert "serving on" in line, line


@pytest.mark.needs("tun")
def test_a_master_and_two_workers_on_hosts_of_their_own(tmp_path: Path) -> None:
    devices = socket.if_nameindex()
    with hosts(4) as lan:
        serve(lan, tmp_path)
        options = ("--headless", "-u", "4", "-r", "4", "-t", "3s", "--expect-workers", "2", "--csv", "stats")
        url = f"http://{address(SERVER)}:8000{STREAM}"
        master = lan.start(MASTER, [*LAB, "load", url, "--master", *options], tmp_path)
        worker_options = ("--worker", "--master-host", address(MASTER))
        workers = [lan.start(host, [*LAB, "load", *worker_options], tmp_path) for host in WORKERS]
        stdout, stderr = master.communicate(timeout=PATIENCE_S)
        assert (master.returncode, "Traceback" in stderr) == (0, False), stderr
        assert [worker.communicate(timeout=PATIENCE_S)[0] for worker in workers] == ["", ""]
        assert [worker.returncode for worker in workers] == [0, 0]
        carried = {host: lan.carried_bytes(host) for host in (SERVER, *WORKERS)}

    run = open_run(stdout.splitlines()[-1])
    # One kernel, so one clock: whatever their addresses, their streams can be compared and are one repetition.
    (entry,) = run.info.repetitions
    recorded: Any = run.info.environment["load_hosts"]
    assert [(each["rep"], each["names"], len(each["workers"])) for each in recorded] == [
        (entry.rep, [socket.gethostname()], 2)
    ]

    streams = run.table("streams").to_pylist()
    assert {row["status"] for row in streams} == {200}
    whole = [row for row in streams if row["completion"] == "done"]
    assert {row["chunks_received"] for row in whole} == {20}
    with (tmp_path / "stats_stats.csv").open() as file:
        told = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}
    assert len(whole) >= told["stream"] >= 4

    # The bytes of every stream crossed the switch, from the server to both workers.
    read_bytes = sum(row["bytes"] for row in run.table("reads").to_pylist())
    one_stream_bytes = read_bytes / len(streams)
    assert carried[SERVER][0] >= read_bytes
    assert sum(carried[host][1] for host in WORKERS) >= read_bytes
    assert all(carried[host][1] > one_stream_bytes for host in WORKERS)
    assert socket.if_nameindex() == devices


class _Failed(Exception):
    """What ends a test too early."""


def _fails(directory: Path, processes: list[int]) -> None:
    """Locust's own page would wait for its user for ever, and so would a worker for its master."""
    with hosts(4) as lan:
        serve(lan, directory)
        lan.start(MASTER, [*LAB, "load", f"{address(SERVER)}:8000", "--master"], directory)
        for host in WORKERS:
            lan.start(host, [*LAB, "load", "--worker", "--master-host", address(MASTER)], directory)
        until("four programs and Locust beneath three of them", lambda: len(lan.inhabitants()) >= 7)
        processes += lan.inhabitants()
        raise _Failed


@pytest.mark.needs("tun")
def test_nothing_is_left_when_a_test_fails(tmp_path: Path) -> None:
    processes: list[int] = []
    with pytest.raises(_Failed):
        _fails(tmp_path, processes)
    assert len(processes) >= 7
    assert all(ends(pid) for pid in processes)
