"""The work that every server under measurement does, and how its Python programs report it.

The rule: one schedule and one size for all. Chunk k of a stream is due k intervals after the request's head, whatever became
of the chunks before; each is one event of 16 bytes in one frame of the chunked transfer-coding, flushed at once. An emission
is stamped before the chunk is formatted. A program is given its listener as a descriptor and ends at SIGTERM with all its
emissions on standard output: pairs of int64, due and emitted, CLOCK_MONOTONIC ns.
"""

import gc
import itertools
import os
import socket
import sys
import time
from array import array
from collections.abc import Iterator

INTERVAL_NS = 20_000_000
"""50 chunks a second: a fast chat model."""

CHUNKS = 600
"""Twelve seconds: more than a measurement lasts, so that no stream ends inside it."""

TEXT = "letters "
EVENT = f"data: {TEXT}\n\n".encode()
FRAME_BYTES = len(b"10\r\n") + len(EVENT) + len(b"\r\n")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def listener() -> socket.socket:
    """The socket that was handed over, non-blocking. From here on no collection runs, as in the lab's own server."""
    gc.disable()
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.setblocking(False)
    return sock


def report(emissions: "array[int]") -> None:
    """The program's last act."""
    sys.stdout.buffer.write(emissions.tobytes())
    sys.stdout.buffer.flush()


def while_wanted(seconds: float, parent: int) -> Iterator[int]:
    """Count from 0 until the time is over or the program that started this one, whose id is `parent`, has gone."""
    end_s = time.monotonic() + seconds
    return itertools.takewhile(lambda _: time.monotonic() < end_s and os.getppid() == parent, itertools.count())
