"""Where the test is controlled: one file for each test, with a line for each report of a worker, whole when it has its name.

The rule: a file is closed when every worker that had users has said its last, or after some seconds. Locust itself listens
to its workers for half a second when a test ends with its master; that stays as it is, and so do Locust's own figures.
Imports Locust, so only Locust's own process may import it.
"""

import contextlib
import itertools
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import gevent
from gevent.event import Event
from locust.exception import RPCError, RPCReceiveError
from locust.rpc import Message
from locust.runners import MasterRunner, Runner

# The key of reports that travel with Locust's own, and the type of the message that is a worker's last.
STREAMS = "lab_streams"
# A worker that is busy stopping its users answers within a second or two, and one that is lost never does.
_LAST_REPORTS_S = 3.0
_logger = logging.getLogger(__name__)

Report = dict[str, Any]


class Spool:
    """A file for each test, one report a line."""

    def __init__(self, directory: Path, runner: Runner, take_own: Callable[[], Report]) -> None:
        """`take_own`: what this process itself saw since it was asked last."""
        self._directory = directory
        self._runner = runner
        self._take_own = take_own
        self._numbers = itertools.count(1)
        self._file: IO[str] | None = None
        self._owing: set[str] = set()
        self._all_told = Event()

    def open(self, **_unused: object) -> None:
        """A test begins."""
        self.close()
        self._take_own()
        self._file = (self._directory / f"test-{next(self._numbers)}.part").open("w", encoding="utf-8")

    def add(self, report: Report) -> None:
        """Keep what a worker saw."""
        if self._file is not None:
            self._file.write(json.dumps(report) + "\n")
        elif report["streams"]:
            _logger.warning(
                "%d streams of %s came after the test's end and are lost", len(report["streams"]), report["worker"]
            )

    def add_last(self, msg: Message, **_unused: object) -> None:
        """Keep what a worker saw until its users had stopped."""
        self.add(msg.data)
        self._owing.discard(msg.node_id)
        if not self._owing:
            self._all_told.set()

    def test_stopping(self, **_unused: object) -> None:
        """From here on every worker that has users owes a last report."""
        if isinstance(self._runner, MasterRunner):
            clients = self._runner.clients
            self._owing = {client.id for client in (*clients.spawning, *clients.running)}
        self._all_told.clear()

    def test_stopped(self, **_unused: object) -> None:
        """Whoever stopped its test and lives on hears the last reports as all others."""
        gevent.spawn(self._close_when_told, self._file)

    def _close_when_told(self, file: IO[str] | None) -> None:
        if self._owing:
            self._all_told.wait(_LAST_REPORTS_S)
        self.close(file)

    def quit(self, **_unused: object) -> None:
        """Locust ends and has stopped listening: hear what is still on its way."""
        if isinstance(self._runner, MasterRunner):
            # A line that is broken brings no more.
            with gevent.Timeout(_LAST_REPORTS_S, False), contextlib.suppress(RPCError, RPCReceiveError):
                while self._owing:
                    self._hear(self._runner.server.recv_from_client()[1])
        self.close()

    def _hear(self, msg: Message) -> None:
        if msg.type == STREAMS:
            self.add_last(msg)
        elif msg.type == "stats" and STREAMS in msg.data:
            self.add(msg.data[STREAMS])

    def close(self, file: IO[str] | None = None) -> None:
        """Give the file its final name: whoever waits for it may have it. With `file`: unless it is another by now."""
        if self._file is None or file not in (None, self._file):
            return
        self.add(self._take_own())
        if self._owing:
            _logger.warning("the last streams of %s did not come in time and are lost", ", ".join(sorted(self._owing)))
        self._file.close()
        os.rename(self._file.name, Path(self._file.name).with_suffix(".jsonl"))
        self._file = None
