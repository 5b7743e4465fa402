"""The lab's trace beside Locust's statistics: what users saw, gathered where the test is controlled.

The rule: records travel in Locust's own messages, with each worker's report every few seconds, so that it works wherever
workers can reach their master. The master (or the only process) appends them to a file in the directory that
`LAB_LOAD_SPOOL` names, and renames it when the test is over; without that directory nothing is kept. When a test ends with
its master, the last reports have half a second, as Locust's own have.
"""

import itertools
import json
import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from lab.clients.locust import rows
from lab.trace.records import StreamSeen

SPOOL = "LAB_LOAD_SPOOL"
# Locust's own patience with its workers' last reports is half a second.
_LAST_REPORTS_S = 2.0
_KEY = "lab_streams"
_logger = logging.getLogger(__name__)


class _Kept:
    """The streams of this process that are over and were not handed on."""

    def __init__(self) -> None:
        self.wanted = False
        self.streams: list[StreamSeen] = []
        self.numbers = itertools.count(1)

    def take(self, worker: str) -> dict[str, Any]:
        """As one report, and forget them."""
        streams, self.streams = self.streams, []
        packed = [rows.pack(seen) for seen in streams]
        return {"worker": worker, "host": platform.node(), "clock": clock_name(), "streams": packed}


_kept = _Kept()


@contextmanager
def recording() -> Iterator[StreamSeen]:
    """A new record; kept when the block is over, however that happens."""
    number = next(_kept.numbers)
    seen = StreamSeen(stream=number, due_ns=time.monotonic_ns(), connection=number, request=1)
    try:
        yield seen
    finally:
        if _kept.wanted:
            _kept.streams.append(seen)


def clock_name() -> str:
    """Equal for processes that share a monotonic clock: those of one boot of one kernel."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return platform.node()


class _Spool:
    """A file for each test, one report a line."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._numbers = itertools.count(1)
        self._file: IO[str] | None = None

    def open(self, **_unused: object) -> None:
        """A test begins."""
        self.close()
        _kept.streams.clear()
        self._file = (self._directory / f"test-{next(self._numbers)}.part").open("w", encoding="utf-8")

    def add(self, report: dict[str, Any]) -> None:
        """Keep what a worker saw."""
        if self._file is not None:
            self._file.write(json.dumps(report) + "\n")
        elif report["streams"]:
            _logger.warning(
                "%d streams of %s came after the test's end and are lost", len(report["streams"]), report["worker"]
            )

    def test_stopped(self, **_unused: object) -> None:
        """The last reports may still be on their way: a master that quits stops its test first and its workers then."""
        gevent.spawn_later(_LAST_REPORTS_S, self.close, self._file)

    def close(self, file: IO[str] | None = None, **_unused: object) -> None:
        """Give the file its final name: whoever waits for it may have it. With `file`: unless it is another by now."""
        if self._file is None or file not in (None, self._file):
            return
        self.add(_kept.take("local"))
        self._file.close()
        os.rename(self._file.name, Path(self._file.name).with_suffix(".jsonl"))
        self._file = None


@events.init.add_listener
def _connect(environment: Environment, **_unused: object) -> None:
    """Find this process's part: a worker hands its records on, a master or the only process keeps them."""
    if isinstance(environment.runner, WorkerRunner):
        _kept.wanted = True
        environment.events.report_to_master.add_listener(_report)
    elif directory := os.environ.get(SPOOL):
        spool = _Spool(Path(directory))
        _kept.wanted = not isinstance(environment.runner, MasterRunner)
        environment.events.test_start.add_listener(spool.open)
        environment.events.test_stop.add_listener(spool.test_stopped)
        environment.events.quit.add_listener(spool.close)
        environment.events.worker_report.add_listener(
            lambda data, **_: spool.add(data.pop(_KEY)) if _KEY in data else None
        )


def _report(client_id: str, data: dict[str, Any], **_unused: object) -> None:
    data[_KEY] = _kept.take(client_id)
