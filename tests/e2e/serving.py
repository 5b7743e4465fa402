"""`lab serve` as its users run it: a process of its own, ended by a signal."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

# Never reached unless something hangs.
PATIENCE_S = 30


@dataclass
class Served:
    """A running server."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def stderr(self) -> IO[str]:
        """What it says."""
        assert self.process.stderr is not None
        return self.process.stderr

    def end(self, signum: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and the rest of what it said."""
        self.process.send_signal(signum)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """The same, when it ends by itself."""
        _, words = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, words


def command(*options: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "lab", "serve", *options]


@contextmanager
def served(*options: str) -> Iterator[Served]:
    """`lab serve` on a free port, until the block ends."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command("--port", "0", *options), stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            assert "serving on http://127.0.0.1:" in first, first + process.stderr.read()
            process.stderr.readline()
            yield Served(process, int(first.rsplit(":", 1)[1]))
        finally:
            process.kill()


def free_port() -> str:
    """A TCP port that nobody listened on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])
