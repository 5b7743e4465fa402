"""Locust as a child of a repetition that does not do what it should: the repetition learns it in words and in time."""

import subprocess
import sys

import pytest

from lab.clients.locust import child
from lab.clients.visit import Visit
from lab.errors import ChildFailed
from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.workload import WorkloadSpec
from tests.processes import ends

VISIT = Visit(("127.0.0.1", 9), ClientSpec(), WorkloadSpec(), RequestSpec(), "1/1", 0.2)
PROGRAMS = {
    "it breaks": ("raise SystemExit('no such thing')", "ended with exit code 1 and without a record: no such thing"),
    "it ends in silence": ("pass", "ended with exit code 0 and without a record: it said nothing"),
    "it hangs": ("import time; time.sleep(1000)", "did not end in time"),
}


@pytest.mark.parametrize(("program", "said"), PROGRAMS.values(), ids=PROGRAMS)
async def test_no_record(program: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda *_options: [sys.executable, "-S", "-c", program])
    monkeypatch.setattr(child, "_SETUP_S", 0.2 if said == "did not end in time" else 20.0)
    with pytest.raises(ChildFailed, match=said):
        await child.run(VISIT)


def test_it_dies_with_whoever_started_it() -> None:
    """Killed before the child asked the kernel for its own end or after: Locust's page would wait for its user for ever."""
    program = (
        "import subprocess, time; from lab.clients.locust.program import command; "
        "from lab.load import _LOCUSTFILE; "
        "print(subprocess.Popen(command('-f', str(_LOCUSTFILE), '--web-port', '0')).pid, flush=True); time.sleep(1000)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert ends(pid)
