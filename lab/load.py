"""`lab load`: Locust as its users know it, and a run of the lab for each test that it made.

The rule: Locust is a child process and stays itself; its options are passed on and its exit code is the answer. What its
workers saw comes out of the spool (`lab.clients.locust.spool`); figures that need one clock stay within one host, which
is why each host is a repetition of its own.
"""

import datetime
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.clients.locust import rows
from lab.clients.locust.connection import split_url
from lab.clients.locust.program import command, require
from lab.errors import UsageError
from lab.trace.records import StreamSeen

# As in lab.clients.locust.recorder, which only Locust's own process may import.
_SPOOL = "LAB_LOAD_SPOOL"
_LOCUSTFILE = Path(rows.__file__).with_name("locustfile.py")
_CELL = "load"
_LOOK_EVERY_S = 0.5
# A shell's way to tell that a signal ended a program.
_SIGNALLED = 128


@dataclass
class Host:
    """What the workers with one monotonic clock saw."""

    names: list[str] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)
    streams: list[StreamSeen] = field(default_factory=list)


def load(target: str | None, options: tuple[str, ...], out: Path) -> int:
    """Run Locust until it ends; each test that is over becomes a run under `out`. Returns Locust's exit code.

    Raises CapabilityError where Locust is not installed, UsageError where there is nothing to load, and StorageError.
    """
    given = (target, *options) if target is not None and target.startswith("-") else options
    url = target if target is not None and not target.startswith("-") else None
    locust = _locust_options(url, given)
    said = shlex.join(["lab", "load", *([url] if url else []), *given])
    with tempfile.TemporaryDirectory(prefix="lab-load-") as directory:
        spool = Path(directory)
        process = subprocess.Popen(command(*locust), env={**os.environ, _SPOOL: directory})
        with _passing_signals_to(process):
            while _wait(process) is None:
                _keep_all(spool, said, out)
            _keep_all(spool, said, out)
    code = process.returncode
    return code if code >= 0 else _SIGNALLED - code


def _locust_options(url: str | None, given: tuple[str, ...]) -> list[str]:
    require()
    own_file = any(each.startswith(("-f", "--locustfile")) for each in given)
    asks_only = any(each in ("-h", "--help", "-V", "--version", "-l", "--list", "--worker") for each in given)
    if url is None and not own_file and not asks_only and "--headless" in given:
        raise UsageError(
            "lab load --headless: there is nothing to load: give a URL or host:port before Locust's options"
        )
    host = []
    if url is not None:
        split_url(url)
        host = ["--host", url if "//" in url else f"http://{url}"]
    return [*([] if own_file else ["-f", str(_LOCUSTFILE)]), *host, *given]


@contextmanager
def _passing_signals_to(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ctrl-C reaches Locust by itself, which then ends its test in order; SIGTERM is handed on."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _wait(process: "subprocess.Popen[bytes]") -> int | None:
    try:
        return process.wait(_LOOK_EVERY_S)
    except subprocess.TimeoutExpired:
        return None


def _keep_all(spool: Path, said: str, out: Path) -> None:
    for file in sorted(spool.glob("*.jsonl")):
        hosts = gather(file)
        file.unlink()
        if hosts:
            _tell(keep(hosts, said, out))
        else:
            print("lab: the test ended before any stream began; there is no run of it", file=sys.stderr)


def gather(file: Path) -> list[Host]:
    """The streams of one test by clock, each host's numbered from 1 in the order in which they began."""
    hosts: dict[str, Host] = {}
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            report = json.loads(line)
            if report["streams"]:
                _add(hosts.setdefault(report["clock"], Host()), report)
    return [_numbered(host) for host in hosts.values()]


def _add(host: Host, report: Mapping[str, object]) -> None:
    for names, name in ((host.names, report["host"]), (host.workers, report["worker"])):
        if name not in names:
            names.append(str(name))
    streams = report["streams"]
    assert isinstance(streams, list)
    host.streams += [rows.unpack(row) for row in streams]


def _numbered(host: Host) -> Host:
    in_order = sorted(host.streams, key=lambda seen: seen.due_ns)
    streams = [replace(seen, stream=number, connection=number) for number, seen in enumerate(in_order, start=1)]
    return Host(host.names, host.workers, streams)


def keep(hosts: list[Host], said: str, out: Path) -> Path:
    """Write the run of one test: one cell, one repetition for each host. Returns its directory. Raises StorageError."""
    from lab.run.environment import describe
    from lab.run.failures import no_chunk
    from lab.run.runs import new_directory, point_latest, save
    from lab.trace.join import join
    from lab.trace.run_info import CellInfo, RepetitionInfo, RunInfo
    from lab.trace.store import Run, write_repetition

    now = datetime.datetime.now().astimezone()
    settings = {"client": {"kind": "locust"}}
    seen_by = [{"rep": rep, "names": host.names, "workers": host.workers} for rep, host in enumerate(hosts, start=1)]
    info = RunInfo(
        scenario={"scenario": {"name": _CELL, "description": f"Locust's load: {said}"}, "load": {"command": said}},
        source=said,
        seed=0,
        repeat=len(hosts),
        started=now.isoformat(timespec="seconds"),
        cells=[CellInfo(cell=_CELL, axes={}, settings=settings)],
        environment={**describe(), "load_hosts": seen_by},
        finished=True,
    )
    run = Run(new_directory(out, f"{_CELL}-{now:%Y%m%d-%H%M%S}"), info)
    for rep, host in enumerate(hosts, start=1):
        write_repetition(run.path, _CELL, rep, join(_CELL, rep, (), host.streams, None, None).tables)
        begun_ns = host.streams[0].due_ns
        ended_ns = max(seen.end_ns or begun_ns for seen in host.streams)
        reasons = list(no_chunk(host.streams))
        info.repetitions.append(
            RepetitionInfo(
                cell=_CELL,
                rep=rep,
                slot=rep,
                valid=not reasons,
                reasons=reasons,
                started_ns=begun_ns,
                finished_ns=ended_ns,
            )
        )
    save(run)
    point_latest(out, run.path)
    return run.path


def _tell(path: Path) -> None:
    from lab.session import report

    report(path)
