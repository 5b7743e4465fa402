"""Somebody else's server or proxy in the server's namespace, as one process of a repetition.

The rule: a program is ready when it answers HTTP, whatever the status below 500, and not when it has been started. One that
ends while it is needed fails the repetition with its own last words. Knows nothing of what is streamed.
"""

import http.client
import select
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.errors import MeasurementError
from lab.linux.child import Control
from lab.linux.ports import reserved_port
from lab.linux.program import Program
from lab.path.base import Path
from lab.run.roles import ServerResult

# Importing a web framework takes seconds on a small machine; a program that needs longer than this does not come up.
START_S = 30.0
_RETRY_S = 0.05
_DYING_S = 0.1
_ANSWER_S = 2.0
_SERVER_ERROR = 500


@dataclass(frozen=True)
class Job:
    """A command line with {host}, {port}, {upstream} and {python} (the lab's own), and the path on which it must answer."""

    command: str
    ready: str
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    upstream: str = ""


def run(control: Control, job: Job, path: Path) -> ServerResult:
    """Be the program's parent until `control` says stop. Sends "ready" with the port; records nothing."""
    path.enter("server")
    with reserved_port(path.server_address) as port:
        _serve(control, job, (path.server_address, port))
    return ServerResult([], 0)


def _serve(control: Control, job: Job, address: tuple[str, int]) -> None:
    host, port = address
    filled = job.command
    places = {"host": host, "port": str(port), "upstream": job.upstream, "python": sys.executable}
    for name, value in places.items():
        filled = filled.replace("{" + name + "}", value)
    program = Program(filled, job.env, job.cwd or None)
    try:
        _wait_until_ready(control, program, address, job.ready)
        control.send("ready", {"port": port})
        _readable(control, program, None)
        # When a program dies its clients see it first, and "stop" may come before the program has been collected.
        if select.select([program], [], [], _DYING_S)[0]:
            raise _ended(program)
    finally:
        program.end()


def _wait_until_ready(control: Control, program: Program, address: tuple[str, int], target: str) -> None:
    deadline = time.monotonic() + START_S
    trouble = ""
    while time.monotonic() < deadline:
        trouble = _ask(address, target)
        if not trouble or control.fileno() in _readable(control, program, 0):
            return
        if program.fileno() in _readable(control, program, _RETRY_S):
            raise _ended(program)
    raise MeasurementError(
        f"starting {program.command!r}: GET http://{address[0]}:{address[1]}{target} was not answered within "
        f"{START_S:g} s ({trouble}): name a path that answers with `ready`"
    )


def _ask(address: tuple[str, int], target: str) -> str:
    """Empty when it answers, else why not."""
    connection = http.client.HTTPConnection(*address, timeout=_ANSWER_S)
    try:
        connection.request("GET", target, headers={"connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return f"status {status}" if status >= _SERVER_ERROR else ""


def _readable(control: Control, program: Program, timeout_s: float | None) -> list[int]:
    waiting = [control.fileno(), program.fileno()]
    return select.select(waiting, [], [], timeout_s)[0]


def _ended(program: Program) -> MeasurementError:
    return MeasurementError(f"{program.command!r} ended with exit code {program.exit_code()} while it was needed")
