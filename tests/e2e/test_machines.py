"""The same lab on lesser machines: no root, no TUN, no namespaces. What cannot be applied is never a number."""

import csv
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.linux.child import Child, Control
from lab.linux.unprivileged import become_ordinary_user
from lab.path.tun import relay  # noqa: F401  nobody may not read the files of root's Python, so import before
from lab.run.conductor import conduct
from lab.run.repetition import Evidence, Repetition
from lab.trace.run_info import RunInfo
from tests.e2e.harness import NS_PER_MS, cell_of, joined

SCENARIO = """
[workload]
profile = "ticker"
chunks = 8
interval = "10ms"
[scenario]
repeat = 1
[server]
congestion = "reno"  # cubic is allowed to ordinary users only where it is the machine's default
[matrix]
path = ["loopback", "lan"]
"""
# Each takes one thing away from the program that follows, for itself alone.
WITHOUT = {
    "no TUN device": ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/net/tun && exec "$@"', "sh"],
    "no namespaces": [
        *("unshare", "--user", "--map-root-user", "sh", "-c"),
        *('echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"', "sh"),
    ],
}


def lab_run(tmp_path: Path, prefix: list[str], scenario: str, require: str = "") -> subprocess.CompletedProcess[str]:
    file = tmp_path / "two.toml"
    file.write_text(scenario)
    command = [*prefix, sys.executable, "-m", "lab", "run", str(file), "--out", str(tmp_path / "results")]
    return subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LAB_REQUIRE": require}, timeout=60
    )


@pytest.mark.needs("tun")
@pytest.mark.parametrize("prefix", WITHOUT.values(), ids=WITHOUT)
def test_what_cannot_be_applied_is_skipped_by_name(tmp_path: Path, prefix: list[str]) -> None:
    done = lab_run(tmp_path, prefix, SCENARIO)
    assert done.returncode == 0, done.stderr
    run = Path(done.stdout.splitlines()[-1])
    loopback, lan = RunInfo.load(run / "run.json").cells
    assert loopback.skipped is None
    assert lan.skipped is not None
    assert lan.skipped.reason
    assert lan.skipped.remedy
    assert f"lan was skipped: {lan.skipped.reason}" in done.stderr
    rows = {row["cell"]: row for row in csv.DictReader((run / "summary.csv").read_text().splitlines())}
    assert (rows["loopback"]["valid"], rows["loopback"]["chunks"]) == ("true", "8")
    assert (rows["lan"]["valid"], rows["lan"]["ttfc_ms_p50"]) == ("", "")
    page = (run / "report.html").read_text()
    assert "skipped" in page
    assert lan.skipped.remedy.split(":")[0] in page


@pytest.mark.needs("tun")
@pytest.mark.parametrize(
    ("scenario", "require"),
    [
        pytest.param(SCENARIO, "all", id="under LAB_REQUIRE=all"),
        pytest.param(
            SCENARIO + '[path]\nbackend = "tun"\ndelay = "1ms"\n', "", id="when the scenario names the backend"
        ),
    ],
)
def test_what_had_to_run_and_could_not_is_exit_3(tmp_path: Path, scenario: str, require: str) -> None:
    scenario = scenario.replace('path = ["loopback", "lan"]', 'path = ["lan"]')
    done = lab_run(tmp_path, WITHOUT["no TUN device"], scenario, require)
    assert done.returncode == 3
    assert "had to run and was skipped" in done.stderr


def as_ordinary_user(_control: Control, repetition: Repetition) -> tuple[int, Evidence]:
    become_ordinary_user()
    return os.geteuid(), conduct(repetition)


@pytest.mark.needs("rootless")
def test_an_ordinary_user_measures_the_same_path() -> None:
    """The whole of a repetition in a user namespace: Nagle still waits for its round trip."""
    workload = {"profile": "ticker", "chunks": 30, "interval": "10ms"}
    cell = cell_of(workload=workload, server={"nodelay": False}, path={"backend": "tun", "delay": "20ms"})
    repetition = Repetition(cell, rep=1, slot=1, seed="1/1")
    child = Child("user", functools.partial(as_ordinary_user, repetition=repetition))
    try:
        uid, evidence = child.result(60)
    finally:
        child.close()
    assert uid != 0
    assert evidence.path is not None
    assert evidence.path.user_namespace
    measured = joined(repetition, evidence)
    assert len(measured.chunks) == 30
    assert 2.5 <= 30 / measured.reads_with_chunks() <= 4.7
    assert all(chunk["recv_ns"] - chunk["sent_ns"] >= 20 * NS_PER_MS for chunk in measured.chunks)
