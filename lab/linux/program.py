"""Somebody else's program, run as ours to end: whatever it starts ends with it, and it ends with us.

The rule: the program lives in a process namespace of its own under a small first process, so that not even `kill -9` of
anything leaves one of its workers behind. Where such a namespace is not allowed, its process group is what is ended. Must be
used from a process with a single thread.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import NoReturn

from lab.errors import CapabilityError, UsageError
from lab.linux import namespaces
from lab.linux.child import die_with_parent

# What a program may take to end after SIGTERM before it is killed.
_GRACE_S = 3.0
_CANNOT_RUN = 126  # the shell's code for a command that was found and could not be started


class Program:
    """A running command. Its output goes where this process's stderr goes."""

    def __init__(self, command: str, env: Mapping[str, str], cwd: str | None) -> None:
        """Start `command` (words as a shell quotes them, no shell). Raises UsageError for words that cannot be read."""
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"cannot read the command {command!r}: {error}") from error
        with contextlib.suppress(CapabilityError):  # else its process group is all there is to end
            namespaces.new_process_namespace()
        self.command = command
        self._pid = os.fork()
        if self._pid == 0:
            _first_process(words, {**os.environ, **env}, cwd)
        self._pidfd = os.pidfd_open(self._pid)

    def fileno(self) -> int:
        """Readable when it has ended."""
        return self._pidfd

    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal, or None while it runs."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def end(self) -> None:
        """SIGTERM, some time, SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)
            deadline = time.monotonic() + _GRACE_S
            while self.exit_code() is None:
                if time.monotonic() > deadline:
                    signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                    return
                time.sleep(0.01)  # it is over, nothing is measured any more, and most programs end within one round


def _first_process(words: list[str], env: dict[str, str], cwd: str | None) -> NoReturn:
    """Start the program, pass SIGTERM on, collect whatever ends, and end with the program's own code."""
    die_with_parent()
    os.setpgid(0, 0)
    try:
        process = subprocess.Popen(words, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=2)
    except OSError as error:
        print(f"cannot start {shlex.join(words)!r}: {error.strerror or error}", file=sys.stderr, flush=True)
        os._exit(_CANNOT_RUN)
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
    while True:
        pid, status = os.wait()
        if pid == process.pid:
            _end_group()
            os._exit(os.waitstatus_to_exitcode(status) % 256)


def _end_group() -> None:
    """Where there is no process namespace, workers that outlived their program are in its group."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(0, signal.SIGTERM)
