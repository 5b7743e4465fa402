"""The Locust client of a repetition: Locust itself, headless, as a child process in the namespace of its parent.

The rule: it is bounded in time, cannot outlive this process, and takes nothing from a Locust configuration of the machine's
user. What it needs until its users may start is set-up, and a figure of its own.
"""

import os
import pickle
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, NamedTuple

import trio

from lab.clients.locust.program import command
from lab.clients.visit import Visit
from lab.errors import ChildFailed
from lab.trace.records import ClientRecord, StreamSeen

VISIT_FD, RECORD_FD = "LAB_VISIT_FD", "LAB_RECORD_FD"
_HERE = Path(__file__).parent
# What Locust may take to import, to spawn its users and to end, on a busy machine.
_SETUP_S = 15.0
_LAST_WORDS_BYTES = 4_000


class VisitRecord(NamedTuple):
    """What Locust hands over. `start_ns`: when its users might begin."""

    streams: list[StreamSeen]
    sockets: dict[str, tuple[object, object]]
    start_ns: int


async def run(visit: Visit) -> ClientRecord:
    """All requests of the visit. Raises ChildFailed when Locust ends without a record or does not end."""
    with tempfile.TemporaryFile() as plan, tempfile.TemporaryFile() as record, tempfile.TemporaryFile() as words:
        pickle.dump(visit, plan)
        plan.seek(0)
        begin_ns = time.monotonic_ns()
        code = await _locust(visit, plan, record, words)
        record.seek(0)
        if code != 0 or not record.read(1):
            raise _failure(code, words)
        record.seek(0)
        seen: VisitRecord = pickle.load(record)
    return ClientRecord(seen.streams, seen.sockets, seen.start_ns - begin_ns)


async def _locust(visit: Visit, plan: IO[bytes], record: IO[bytes], words: IO[bytes]) -> int | None:
    """Its exit code, or None when it had to be ended."""
    users = str(visit.spec.streams)
    options = ["-f", str(_HERE / "visiting.py"), "--headless", "--only-summary", "--loglevel", "ERROR"]
    process = await trio.lowlevel.open_process(
        command(*options, "--users", users, "--spawn-rate", users, "--host", visit.url),
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=words,
        pass_fds=(plan.fileno(), record.fileno()),
        cwd=_HERE,
        env=_environment({VISIT_FD: str(plan.fileno()), RECORD_FD: str(record.fileno())}),
    )
    try:
        with trio.move_on_after(visit.timeout_s + _SETUP_S):
            await process.wait()
        return process.returncode
    finally:
        if process.returncode is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()


def _environment(added: dict[str, str]) -> dict[str, str]:
    """Without the settings that Locust would read from it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")} | added


def _failure(code: int | None, words: IO[bytes]) -> ChildFailed:
    words.seek(max(0, words.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
    last_words = words.read().decode(errors="replace").strip()
    how = "did not end in time" if code is None else f"ended with exit code {code} and without a record"
    return ChildFailed(f"the client locust {how}: {(last_words.splitlines() or ['it said nothing'])[-1]}", last_words)
