"""One measurement of one client: the source on one core, the client on another, and their instants put together.

The rule: what counts is what happened while all streams ran. Lag is when a client had read a chunk (its read returned) less
when the source sent it, so it is the same for a client that sees its sockets and for one that does not; the source's own
call of `send`, a few µs, is in everybody's. Processor time is that of the client and of all it started.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks.peers.work import INTERVAL_NS
from tests.benchmarks.reader import DEADLINE_S, SETTLE_S, WINDOW_S, cpu_ns
from tests.benchmarks.serving import ROOT, before_ordinary_processes, open_listener, p99_of_a_usual_slice

# Some more than settling and window last.
CHUNKS = int((SETTLE_S + WINDOW_S + 0.25) * 1e9 / INTERVAL_NS)

_PEERS = "tests.benchmarks.peers"


@dataclass(frozen=True)
class Figure:
    """What one client did with one load. Lags are of the chunks that were sent in the window, in µs."""

    name: str
    streams: int
    sent: int
    recorded: int
    cpu_ns: int
    seconds: float
    lag_p50_us: float
    lag_p99_us: float  # of a usual quarter second
    source_late_p99_us: float  # sent − due, of a usual quarter second

    @property
    def share(self) -> float:
        """Chunks that the client recorded in the window / chunks that were sent in it."""
        return self.recorded / self.sent

    @property
    def cpu_us_per_chunk(self) -> float:
        """Processor time, user and system."""
        return self.cpu_ns / 1e3 / self.recorded

    @property
    def chunks_per_cpu_s(self) -> float:
        """The inverse."""
        return self.recorded / (self.cpu_ns / 1e9)

    @property
    def busy(self) -> float:
        """Share of a core."""
        return self.cpu_ns / 1e9 / self.seconds


def measure(name: str, streams: int) -> Figure:
    """Run it once. `name`: a kind of client, or "bare epoll"."""
    with before_ordinary_processes(), contextlib.ExitStack() as programs:
        with open_listener() as listener:
            port = listener.getsockname()[1]
            listening = listener.fileno()
            source = programs.enter_context(_program(-1, "source", listening, streams, CHUNKS, pass_fds=[listening]))
        peer = ["bare_epoll"] if name == "bare epoll" else ["lab_client"]
        client = programs.enter_context(_program(0, *peer, port, streams, CHUNKS, name))
        assert source.stdout is not None
        assert client.stdout is not None
        begin_ns = int(source.stdout.readline())
        window = _watch(client.pid, begin_ns)
        seen = np.frombuffer(client.stdout.read(), dtype=np.int64).reshape(-1, 4)
        sent_ns = np.frombuffer(source.stdout.read(), dtype=np.int64).reshape(streams, CHUNKS)
        assert client.wait(DEADLINE_S) == 0, f"{name} ended with exit code {client.returncode}"
    return _figure(name, begin_ns, sent_ns, seen, window)


@contextlib.contextmanager
def _program(
    core: int, module: str, *arguments: object, pass_fds: list[int] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A peer on a core of its own: the first or the last of those that this process may use."""
    core_number = sorted(os.sched_getaffinity(0))[core]
    command = [sys.executable, "-m", f"{_PEERS}.{module}", *map(str, arguments)]
    pinned = ["taskset", "--cpu-list", str(core_number), *command]
    process = subprocess.Popen(pinned, cwd=ROOT, pass_fds=pass_fds or [], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _watch(pid: int, begin_ns: int) -> tuple[int, int, int]:
    """(from when, to when, processor time between)."""
    time.sleep(max(0, begin_ns + SETTLE_S * 1e9 - time.monotonic_ns()) / 1e9)
    first_ns, first_cpu_ns = time.monotonic_ns(), _family_cpu_ns(pid)
    time.sleep(WINDOW_S)
    last_ns, last_cpu_ns = time.monotonic_ns(), _family_cpu_ns(pid)
    return first_ns, last_ns, last_cpu_ns - first_cpu_ns


def _family_cpu_ns(pid: int) -> int:
    """Of a process and of its children, whichever thread started them: Locust is one of the lab's client."""
    children = " ".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return cpu_ns(pid) + sum(_family_cpu_ns(int(child)) for child in children)


def _figure(
    name: str, begin_ns: int, sent_ns: npt.NDArray[np.int64], seen: npt.NDArray[np.int64], window: tuple[int, int, int]
) -> Figure:
    streams, chunks = sent_ns.shape
    assert len(seen) == streams * chunks, f"{name} recorded {len(seen)} chunks of {streams * chunks}"
    stream, chunk, read_ns, arrival_ns = seen.T
    first_ns, last_ns, spent_ns = window
    chunk_sent_ns = sent_ns[stream - 1, chunk]
    inside = (chunk_sent_ns >= first_ns) & (chunk_sent_ns < last_ns)
    lag_us = (read_ns - chunk_sent_ns)[inside] / 1e3
    due_ns = begin_ns + chunk * INTERVAL_NS + (stream - 1) * INTERVAL_NS / streams
    late_us = (chunk_sent_ns - due_ns)[inside] / 1e3
    at_ns = chunk_sent_ns[inside] - first_ns
    return Figure(
        name,
        streams,
        int(inside.sum()),
        int(((arrival_ns >= first_ns) & (arrival_ns < last_ns)).sum()),
        spent_ns,
        (last_ns - first_ns) / 1e9,
        float(np.median(lag_us)),
        p99_of_a_usual_slice(lag_us, at_ns),
        p99_of_a_usual_slice(late_us, at_ns),
    )
