"""The lab's trace beside Locust's statistics: what users saw, gathered where the test is controlled.

The rule: records travel in Locust's own messages, with each worker's report every few seconds and once more when its users
have stopped, so that it works wherever workers can reach their master. The master (or the only process) keeps them in the
directory that `LAB_LOAD_SPOOL` names; without it nothing is kept.
"""

import itertools
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from lab.clients.locust import rows
from lab.clients.locust.spool import STREAMS, Spool
from lab.trace.records import StreamSeen

SPOOL = "LAB_LOAD_SPOOL"


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


@events.init.add_listener
def _connect(environment: Environment, **_unused: object) -> None:
    """Find this process's part: a worker hands its records on, a master or the only process keeps them."""
    runner = environment.runner
    assert runner is not None
    if isinstance(runner, WorkerRunner):
        _kept.wanted = True
        environment.events.report_to_master.add_listener(_report)
        environment.events.test_stop.add_listener(
            lambda **_: runner.send_message(STREAMS, _kept.take(runner.client_id))
        )
    elif directory := os.environ.get(SPOOL):
        spool = Spool(Path(directory), runner, lambda: _kept.take("local"))
        _kept.wanted = not isinstance(runner, MasterRunner)
        runner.register_message(STREAMS, spool.add_last)
        environment.events.test_start.add_listener(spool.open)
        environment.events.test_stopping.add_listener(spool.test_stopping)
        environment.events.test_stop.add_listener(spool.test_stopped)
        environment.events.quit.add_listener(spool.quit)
        environment.events.worker_report.add_listener(
            lambda data, **_: spool.add(data.pop(STREAMS)) if STREAMS in data else None
        )


def _report(client_id: str, data: dict[str, Any], **_unused: object) -> None:
    data[STREAMS] = _kept.take(client_id)
