"""The neighbours of the gate's proof: they are there while they are wanted, and gone whatever ended that."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import hogs
from tests.benchmarks.serving import ROOT
from tests.processes import ends

_PROGRAM = """
import pathlib, sys, time
from tests.benchmarks import hogs
with hogs.beside(pathlib.Path(sys.argv[1])) as pids:
    print(*pids, flush=True)
    time.sleep(60)
"""


def test_one_for_a_core_and_one_for_the_disk_end_with_the_block(tmp_path: Path) -> None:
    with hogs.beside(tmp_path) as pids:
        assert len(pids) == 2
    assert all(ends(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []


def test_they_end_with_a_program_that_is_killed_and_leave_no_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        pids = [int(pid) for pid in program.stdout.readline().split()]
        program.send_signal(signal.SIGKILL)
    assert all(ends(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == []


def _measured_while_one_ends(directory: Path) -> None:
    with hogs.beside(directory) as (first, *_):
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)


def test_a_measurement_beside_a_hog_that_ended_is_none(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="cpu_hog"):
        _measured_while_one_ends(tmp_path)
