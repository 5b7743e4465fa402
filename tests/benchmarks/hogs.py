"""Neighbours that disturb a measurement: a CPU hog and a disk hog, at normal priority.

The rule: they end with the block, by their own ids; with this program, whatever ends it; and by themselves after a time. A
measurement during which one of them ended is none. One CPU hog and not one for each core: on two cores of a shared machine
that and the disk make the host itself steal time, and most repetitions then say that they are invalid.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.serving import ROOT

LIMIT_S = 3600
"""Longer than anything that is measured beside them."""

_PEERS = "tests.benchmarks.peers"


@contextlib.contextmanager
def beside(directory: Path) -> Iterator[list[int]]:
    """The hogs' process ids, while they run. The disk hog writes where `directory` is, and leaves nothing there."""
    bounds = [str(LIMIT_S), str(os.getpid())]
    hogs = [["cpu_hog", *bounds], ["disk_hog", *bounds, str(directory)]]
    with contextlib.ExitStack() as running:
        processes = [running.enter_context(_program(hog)) for hog in hogs]
        yield [each.pid for each in processes]
        ended = [each.args for each in processes if each.poll() is not None]
        assert not ended, f"not measured beside all hogs, because these ended: {ended}"


@contextlib.contextmanager
def _program(hog: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    module, *arguments = hog
    process = subprocess.Popen([sys.executable, "-m", f"{_PEERS}.{module}", *arguments], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
