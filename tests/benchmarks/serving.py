"""One measurement of one server: start it, read from it, end it, and put its emissions and its processor time together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.linux import sockets
from lab.linux.realtime import END_PRIORITY
from tests.benchmarks.peers.work import FRAME_BYTES
from tests.benchmarks.reader import DEADLINE_S, Reader, Window

ROOT = Path(__file__).parents[2]
_SLICE_NS = 250_000_000


@dataclass(frozen=True)
class Program:
    """A server to measure. `{fd}` in its command becomes the listener's descriptor."""

    name: str
    command: list[str]


@dataclass(frozen=True)
class Figure:
    """What one server did with one load while all its streams ran."""

    name: str
    streams: int
    chunks: int
    seconds: float
    cpu_ns: int
    lag_p50_us: float
    lag_p99_us: float  # of a usual quarter second

    @property
    def cpu_us_per_chunk(self) -> float:
        """Processor time, user and system, of all threads."""
        return self.cpu_ns / 1e3 / self.chunks

    @property
    def chunks_per_cpu_s(self) -> float:
        """The inverse."""
        return self.chunks / (self.cpu_ns / 1e9)


def python_program(name: str, module: str, *arguments: object) -> Program:
    """One of the peers written in Python."""
    path = f"tests.benchmarks.peers.{module}"
    return Program(name, [sys.executable, "-m", path, "{fd}", *map(str, arguments)])


def measure(program: Program, streams: int) -> Figure:
    """Run it once."""
    with before_ordinary_processes():
        with open_listener() as listener:
            address = listener.getsockname()
            command = [part.format(fd=listener.fileno()) for part in program.command]
            process = subprocess.Popen(command, cwd=ROOT, pass_fds=[listener.fileno()], stdout=subprocess.PIPE)
        emissions, window = _read(process, address, streams)
    assert process.returncode == 0, f"{program.name} ended with exit code {process.returncode}"
    return _figure(program.name, streams, window, emissions)


@contextlib.contextmanager
def before_ordinary_processes() -> Iterator[None]:
    """Reader and server, which inherits it, run as the lab's own ends do: before all else that the machine has to do."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(END_PRIORITY))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _read(process: "subprocess.Popen[bytes]", address: tuple[str, int], streams: int) -> tuple[bytes, Window]:
    """Read from the server until the window is over, then end it."""
    try:
        window = Reader(address, streams).measure(process.pid)
        process.send_signal(signal.SIGTERM)
        emissions, _ = process.communicate(timeout=DEADLINE_S)
        return emissions, window
    finally:
        process.kill()
        process.communicate()


def open_listener() -> socket.socket:
    """The same options for all: what is not inherited by connections is set by each server alike (TCP_NODELAY on)."""
    listener = socket.socket()
    sockets.apply(listener, {sockets.CONGESTION: "cubic", sockets.NODELAY: 1})
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    return listener


def _figure(name: str, streams: int, window: Window, emissions: bytes) -> Figure:
    due_ns, emit_ns = np.frombuffer(emissions, dtype=np.int64).reshape(-1, 2).T
    inside = (emit_ns >= window.begin_ns) & (emit_ns < window.end_ns)
    lag_us = (emit_ns - due_ns)[inside] / 1e3
    chunks = len(lag_us)
    # A part in fifty: chunks that were on their way when the window opened and when it closed.
    assert abs(window.bytes / FRAME_BYTES / chunks - 1) < 0.02, (
        f"{name} emitted {chunks} chunks, but the reader got {window.bytes / FRAME_BYTES:.0f} of {FRAME_BYTES} bytes"
    )
    seconds = (window.end_ns - window.begin_ns) / 1e9
    p99_us = p99_of_a_usual_slice(lag_us, emit_ns[inside] - window.begin_ns)
    return Figure(name, streams, chunks, seconds, window.cpu_ns, float(np.median(lag_us)), p99_us)


def p99_of_a_usual_slice(lag_us: npt.NDArray[np.float64], at_ns: npt.NDArray[np.int64]) -> float:
    """The median of the p99 of every quarter second: a stall of a shared machine spoils one slice, not the figure."""
    slices = at_ns // _SLICE_NS
    return float(np.median([np.percentile(lag_us[slices == each], 99) for each in np.unique(slices)]))
