"""The commands as a person meets them: help, exit codes, messages, and runs that are interrupted, killed and resumed."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from lab.__main__ import _run
from lab.cli import app
from lab.wire.openai import DONE
from tests.clients.probe.stranger import saying, stranger
from tests.clients.responses import PLAIN, chunked
from tests.processes import PATIENCE_S, descendants, ends, until

LAB = [sys.executable, "-m", "lab"]
COMMANDS = dict(app.commands)
# Commands of the plan that are not there yet are refused by name, like any other slip.
NOT_THERE = ("explain", "plot")

TINY = """
[scenario]
repeat = {repeat}
[workload]
profile = "ticker"
chunks = 5
interval = "20ms"
[matrix]
"server.flush" = ["every", "end"]
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenarios and the place for their runs."""
    made = tmp_path_factory.mktemp("cli")
    (made / "tiny.toml").write_text(TINY.format(repeat=1))
    (made / "longer.toml").write_text(TINY.format(repeat=4))
    return made


def _lab(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("LAB_REQUIRE", "LAB_DEBUG")}
    command = [*LAB, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=60)


# ---- Help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_so_has_each_of_its_options(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    assert command.get_short_help_str()
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
        else:
            assert str(parameter.human_readable_name).upper() in command.help, parameter.name


def test_every_command_appears_in_the_help() -> None:
    done = _lab("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name}\s+\S", done.stdout, re.MULTILINE), name
        assert command.get_short_help_str(limit=20).rstrip(". ")[:15] in done.stdout


def test_the_console_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("lab")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, _lab("--version").stdout)
    assert done.stdout.startswith("lab, version ")


# ---- Wrong usage: exit 2, in words, on stderr only

WRONG: dict[str, tuple[list[str], list[str]]] = {
    **{f"no command {name}": ([name], [f"No such command '{name}'"]) for name in NOT_THERE},
    "no repetition at a time": (["run", "--jobs", "0"], ["--jobs", "0 is not in the range"]),
    "several at a time, and nobody knows whether the machine bears it": (
        ["run", "--jobs", "2"],
        ["--jobs 2", "this machine has not been calibrated", "lab doctor --calibrate"],
    ),
    "until decided without a limit": (
        ["run", "--until-decided", "path=lan"],
        ["--until-decided and --max-time belong"],
    ),
    "a limit without what to decide": (["run", "--max-time", "1min"], ["--until-decided and --max-time belong"]),
    "a limit without unit": (
        ["run", "--until-decided", "path=lan", "--max-time", "60"],
        ["--max-time", "as in '20ms'"],
    ),
    "no base": (["run", "--until-decided", "path", "--max-time", "1s"], ["--until-decided path: write AXIS=BASE"]),
    "an axis that the scenario has not": (
        ["run", "nagle", "--until-decided", "path=lan", "--max-time", "1s"],
        ["--axis path", "server.nodelay"],
    ),
    "resume until decided": (
        ["run", "--resume", "x", "--until-decided", "a=b", "--max-time", "1s"],
        ["--resume", "leave --until-decided, --max-time out"],
    ),
    "a baseline without a place": (["baseline", "x"], ["Missing option", "--out"]),
    "a baseline of no run": (["baseline", "nowhere", "--out", "x"], ["nowhere", "run.json"]),
    "no such scenario": (["run", "typewritter"], ["'typewritter'", "No such file", "typewriter"]),
    "a scenario that is a directory": (["run", "."], ["'.'", "Is a directory"]),
    "a key that is none": (["run", "--set", "server.flsh=none"], ["unknown key 'server.flsh'", "flush, early_headers"]),
    "a table that is none": (["run", "--set", "sever.flush=none"], ["unknown key 'sever.flush'", "workload, server"]),
    "a header key that is none": (["run", "--set", "scenario.x=1"], ["[scenario]", "unknown key 'x'"]),
    "a value without unit": (["run", "--set", "workload.interval=20"], ["workload.interval", "20", "as in '20ms'"]),
    "a backend that is not built": (["run", "--set", "path.backend=netem"], ["path.backend = 'netem'", "'tun'"]),
    "no assignment": (["run", "--set", "server.flush"], ["--set", "'server.flush' is no KEY=VALUE"]),
    "an assignment that comes twice": (
        ["run", "--only", "path=wifi", "--only", "path=lan"],
        ["--only", "'path' is given twice"],
    ),
    "only what is not": (["run", "--only", "path=lan"], ["--only path=lan matches no cell", "loopback, wifi"]),
    "no repetitions": (["run", "--repeat", "0"], ["--repeat", "0 is not in the range"]),
    "a seed below zero": (["run", "--seed", "-1"], ["--seed", "-1 is not in the range"]),
    "two scenarios": (["run", "nagle", "buffers"], ["unexpected extra argument"]),
    "no run to resume": (["run", "--resume", "nowhere"], ["nowhere", "run.json"]),
    "resume with a scenario": (["run", "nagle", "--resume", "x"], ["--resume", "leave scenario out"]),
    "resume with settings": (
        [
            "run",
            "--resume",
            "x",
            "--set",
            "a.b=1",
            "--only",
            "a.b=1",
            "--repeat",
            "2",
            "--seed",
            "3",
            "--jobs",
            "2",
            "--out",
            "y",
        ],
        ["--resume", "leave --set, --only, --repeat, --seed, --jobs, --out out"],
    ),
    "resume without running": (["run", "--resume", "x", "--dry-run"], ["--resume", "leave --dry-run out"]),
    "no run to report on": (["report", "nowhere"], ["nowhere", "run.json"]),
    "a run that is a file": (["report", __file__], ["test_cli.py", "run.json"]),
    "a port that is none": (["serve", "--port", "70000"], ["--port", "70000 is not in the range"]),
    "a server with a path": (["serve", "--set", "path.delay=1ms"], ["path.delay"]),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_wrong_usage(
    arguments: list[str],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["lab", *arguments])
    assert _run() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [part for part in said if part not in err] == [], err
    assert "Traceback" not in err


# Whatever ends the command; the exit code and what is said.
ENDS: dict[str, tuple[BaseException, int, str]] = {
    "a fault of the lab": (ValueError("oh"), 70, "lab: this is a fault of the lab itself: ValueError: oh (in "),
    "Ctrl-C": (KeyboardInterrupt(), 130, "lab: interrupted"),
    "Ctrl-C at a prompt": (click.exceptions.Abort(), 130, "lab: interrupted"),
}


@pytest.mark.parametrize(("error", "code", "said"), ENDS.values(), ids=ENDS)
def test_other_ends(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.delenv("LAB_DEBUG", raising=False)
    monkeypatch.setattr("lab.listing.lines", fail)
    monkeypatch.setattr(sys, "argv", ["lab", "list"])
    assert _run() == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.strip().splitlines()[-1].startswith(said)
    assert "Traceback" not in err


def test_the_traceback_of_a_fault_follows_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_DEBUG", "1")
    monkeypatch.setattr("lab.listing.lines", lambda: 1 // 0)
    monkeypatch.setattr(sys, "argv", ["lab", "list"])
    assert _run() == 70
    assert "Traceback" in capsys.readouterr().err


# ---- What costs nothing


def test_list_names_scenarios_presets_workloads_and_keys() -> None:
    done = _lab("list")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("typewriter", "bufferbloat", "notifications", "server.notsent_lowat", "workload.pause.for"):
        assert re.search(rf"^  {re.escape(word)}\s+\S", done.stdout, re.MULTILINE), word
    assert "path.loss = { model = 'gilbert-elliott', good = " in done.stdout


def test_doctor_gives_one_json_document() -> None:
    done = _lab("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    for capability in json.loads(done.stdout):
        assert capability["meaning"]
        assert capability["works"] or (capability["reason"] and capability["remedy"])


def test_a_dry_run_lists_the_cells_and_leaves_nothing(directory: Path, tmp_path: Path) -> None:
    scenario = directory / "tiny.toml"
    done = _lab("run", scenario, "--dry-run", "--only", "server.flush=end", "--repeat", "2", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.split()[0] for line in done.stdout.splitlines()[2:-1]]
    assert names == ["end"]
    assert "1 cells × 2 repetitions" in done.stdout.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


# ---- Whole runs

PARTS = ("run.json", "summary.csv", "repetitions.csv", "report.html", "charts", "chunks", "writes", "reads", "streams")


@pytest.fixture(scope="module")
def finished(directory: Path) -> subprocess.CompletedProcess[str]:
    """Two cells, run once, to the end."""
    return _lab("run", directory / "tiny.toml", "--out", directory / "results")


def test_a_run_ends_with_its_directory_on_stdout(finished: subprocess.CompletedProcess[str], directory: Path) -> None:
    assert finished.returncode == 0, finished.stderr
    run = Path(finished.stdout.splitlines()[-1])
    assert run.parent == directory / "results"
    assert (directory / "results" / "latest").resolve() == run
    assert [part for part in PARTS if not (run / part).exists()] == []
    assert sorted(path.name for path in (run / "chunks").iterdir()) == ["end.1.parquet", "every.1.parquet"]
    assert not list(run.rglob(".*"))
    assert re.findall(r"^\[ *\d+/2\] (\w+) #1: ", finished.stderr, re.MULTILINE)
    assert "Traceback" not in finished.stderr


def test_the_summary_tells_the_cells_apart(finished: subprocess.CompletedProcess[str]) -> None:
    with (Path(finished.stdout.splitlines()[-1]) / "summary.csv").open() as file:
        rows = {row["cell"]: row for row in csv.DictReader(file)}
    assert {name: (row["server.flush"], row["chunks"]) for name, row in rows.items()} == {
        "every": ("every", "5"),
        "end": ("end", "5"),
    }
    assert float(rows["every"]["chunks_per_read"]) < float(rows["end"]["chunks_per_read"]) == 5


def test_a_report_from_the_stored_trace_says_the_same(finished: subprocess.CompletedProcess[str]) -> None:
    run = Path(finished.stdout.splitlines()[-1])
    tables = {name: (run / name).read_bytes() for name in ("summary.csv", "repetitions.csv")}
    for name in ("summary.csv", "repetitions.csv", "report.html"):
        (run / name).unlink()
    again = _lab("report", run)
    assert (again.returncode, again.stdout) == (finished.returncode, finished.stdout)
    assert {name: (run / name).read_bytes() for name in tables} == tables
    assert (run / "report.html").exists()


def test_a_finished_run_has_nothing_to_resume(finished: subprocess.CompletedProcess[str]) -> None:
    done = _lab("run", "--resume", finished.stdout.splitlines()[-1])
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is nothing to resume" in done.stderr


@contextmanager
def _running(*arguments: str | Path) -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """A run in its first repetition but one, and every process that it has."""
    runner = subprocess.Popen(
        [*LAB, "run", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert runner.stderr is not None
        line = runner.stderr.readline()
        assert line.startswith("["), line
        yield runner, descendants(runner.pid)
    finally:
        runner.kill()
        runner.communicate()


def _status(run: Path) -> tuple[int, bool]:
    """How many repetitions are stored, and whether the run is finished."""
    info = json.loads((run / "run.json").read_text())
    return len(info["repetitions"]), info["finished"]


def test_a_run_survives_ctrl_c_and_kill_9(directory: Path) -> None:
    """Interrupted, resumed and killed, resumed to its end: what was measured is kept each time, and nothing runs on."""
    out = directory / "interrupted"
    with _running(directory / "longer.toml", "--out", out) as (runner, processes):
        runner.send_signal(signal.SIGINT)
        stdout, stderr = runner.communicate(timeout=PATIENCE_S)
    run = (out / "latest").resolve()
    kept, done = _status(run)
    assert (runner.returncode, stdout, done) == (130, "", False)
    assert 1 <= kept < 8
    assert f"lab run --resume {run}" in stderr
    assert stderr.rstrip().endswith("lab: interrupted")
    assert "Traceback" not in stderr
    assert all(ends(pid) for pid in processes)

    with _running("--resume", run) as (runner, processes):
        runner.kill()
    assert processes
    assert all(ends(pid) for pid in processes)
    kept_then, done = _status(run)
    assert kept < kept_then <= 8
    assert not done or kept_then == 8

    last = _lab("run", "--resume", run)
    assert last.returncode in (0, 3), last.stderr
    assert last.stdout.splitlines()[-1] == str(run)
    kept_at_last, done = _status(run)
    assert done
    assert kept_at_last >= 8
    assert (run / "report.html").exists()


def test_kill_9_in_the_middle_of_a_repetition_leaves_nothing_running(directory: Path) -> None:
    """It would stream for a quarter of an hour: whoever outlives the runner is found."""
    endless = ("--set", "workload.chunks=50000", "--out", directory / "killed")
    command = [*LAB, "run", directory / "tiny.toml", *endless]
    runner = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("forge, server and client", lambda: len(descendants(runner.pid)) >= 3)
        processes = descendants(runner.pid)
    finally:
        runner.kill()
        runner.wait()
    assert all(ends(pid) for pid in processes)


def test_sigterm_is_a_ctrl_c_sent_by_a_program(directory: Path) -> None:
    with _running(directory / "longer.toml", "--out", directory / "terminated") as (runner, processes):
        runner.terminate()
        _, stderr = runner.communicate(timeout=PATIENCE_S)
    assert runner.returncode == 130
    assert "lab run --resume" in stderr
    assert all(ends(pid) for pid in processes)


# ---- Readers that leave

# Arguments, exit code, and which streams nobody reads.
READERS_LEAVE: dict[str, tuple[list[str], int, tuple[str, ...]]] = {
    "the list": (["list"], 0, ("stdout",)),
    "a run, which goes on": (["run", "tiny.toml", "--only", "server.flush=end"], 0, ("stdout", "stderr")),
    "doctor's document": (["doctor", "--json"], 0, ("stdout",)),
    "what is typed live": (["probe", "{url}"], 0, ("stdout",)),
    "a probe that measured nothing": (["probe", "http://127.0.0.1:1/", "--json"], 3, ("stdout",)),
    "wrong usage": (["report", "nowhere"], 2, ("stdout", "stderr")),
}


@pytest.mark.parametrize(("arguments", "code", "unread"), READERS_LEAVE.values(), ids=READERS_LEAVE)
def test_a_reader_that_leaves_does_not_change_how_a_command_ends(
    arguments: list[str], code: int, unread: tuple[str, ...], directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "tiny.toml").write_text((directory / "tiny.toml").read_text())
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    stdout, stderr = (write_fd if name in unread else subprocess.PIPE for name in ("stdout", "stderr"))
    environment = {key: value for key, value in os.environ.items() if key not in ("LAB_REQUIRE", "LAB_DEBUG")}
    with stranger(saying(chunked([*PLAIN, DONE]))) as server:
        command = [*LAB, *(argument.format(url=server.url) for argument in arguments)]
        process = subprocess.Popen(command, text=True, cwd=tmp_path, env=environment, stdout=stdout, stderr=stderr)
        os.close(write_fd)
        _, words = process.communicate(timeout=60)
    assert process.returncode == code, words
    assert not re.search("Traceback|pipe|fault", words or "")
    if "run" in arguments:
        assert _status((tmp_path / "results" / "latest").resolve()) == (1, True)


# ---- Disks that refuse

_ON_A_SMALL_DISK = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
place = os.fsencode(sys.argv[1])
assert not libc.unshare(0x20000), "CLONE_NEWNS"
assert not libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None), "MS_REC | MS_PRIVATE"
assert not libc.mount(b"tmpfs", place, b"tmpfs", 0, b"size=64k"), "tmpfs"
os.execv(sys.executable, [sys.executable, "-m", "lab", "run", *sys.argv[2:], "--out", sys.argv[1]])
"""


@pytest.mark.needs("root")
def test_a_full_disk_is_no_measurement(directory: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _ON_A_SMALL_DISK, str(tmp_path), str(directory / "longer.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        "No space left on device. The disk is full: free some space or choose another place with --out." in done.stderr
    )
    assert "lab run --resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_may_not_be_written_to(directory: Path) -> None:
    done = _lab("run", directory / "tiny.toml", "--out", "/sys/lab-results")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.search(r"Could not make a directory for the run in /sys/lab-results: .*--out", done.stderr)
    assert "Traceback" not in done.stderr
