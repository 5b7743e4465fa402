"""Somebody else's server and a proxy between, as real programs: measured like ours, ended with everything they started."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ChildFailed, MeasurementError
from lab.linux.child import Child, Control
from lab.linux.program import Program
from lab.run.forge import Forge
from tests.e2e.harness import measure
from tests.e2e.serving import served
from tests.e2e.sse_app import CHUNKS

UVICORN = f"{sys.executable} -m uvicorn tests.e2e.sse_app:app --host {{host}} --port {{port}} --log-level warning"
NGINX = "{python} -m lab.hops.nginx --listen {host}:{port} --upstream {upstream}"
ROOT = str(Path(__file__).parents[2])
TICKER = {"profile": "ticker", "chunks": 25, "interval": "20ms"}


@pytest.mark.needs("tun")
@pytest.mark.parametrize("path", [{}, {"delay": "10ms"}], ids=["loopback", "tun"])
def test_uvicorn_goes_through_the_matrix(forge: Forge, path: dict[str, str]) -> None:
    """What the server does not say is null, not guessed; what it says in a comment and what the client saw is there."""
    measured = measure(forge, server={"command": UVICORN, "cwd": ROOT}, path=path)
    assert [chunk["text"] for chunk in measured.chunks] == [f"token {number}" for number in range(CHUNKS)]
    assert measured.streams[0]["completion"] == "done"
    assert measured.streams[0]["chunks_expected"] is None
    assert {chunk["due_ns"] for chunk in measured.chunks} == {None}
    assert not measured.writes
    assert all(chunk["emit_ns"] < chunk["read_ns"] for chunk in measured.chunks)
    crossed = [chunk["sent_ns"] is not None and chunk["sent_ns"] < chunk["recv_ns"] for chunk in measured.chunks]
    assert all(crossed) if path else not any(crossed)


FAILING = {
    "no such program": ("no-such-program --port {port}", "cannot start 'no-such-program"),
    "ends at once": (f"{sys.executable} -c pass {{port}}", "ended with exit code 0 while it was needed"),
    "ends badly": (f"{sys.executable} -c 'import no_such_module' {{port}}", "No module named 'no_such_module'"),
    "words that do not end": ("server 'quoted {port}", "cannot read the command"),
}


@pytest.mark.parametrize(("command", "words"), FAILING.values(), ids=FAILING)
def test_a_command_that_does_not_come_up_says_why(forge: Forge, command: str, words: str) -> None:
    with pytest.raises(ChildFailed, match="the server command") as caught:
        measure(forge, server={"command": command})
    assert words in str(caught.value) + caught.value.last_words


DIES = """
import http.server, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            os._exit(3)
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_a_command_that_dies_in_mid_run_is_told_with_its_code(forge: Forge, tmp_path: Path) -> None:
    program = tmp_path / "dies.py"
    program.write_text(DIES)
    with pytest.raises(ChildFailed, match="exit code 3"):
        measure(forge, server={"command": f"{sys.executable} {program} {{port}}"})


@pytest.mark.parametrize("kind", ["raw", "httpx", "httpx-sse", "locust"])
def test_a_server_that_runs_already_is_measured_from_outside(forge: Forge, kind: str) -> None:
    with served() as server:
        measured = measure(
            forge,
            server={"url": server.url.replace("127.0.0.1", "localhost")},
            request={"path": "/v1/chat/completions?format=plain&profile=ticker&chunks=10"},
            client={"kind": kind},
        )
    assert (measured.streams[0]["completion"], measured.streams[0]["chunks_expected"]) == ("done", None)
    assert len(measured.chunks) == 10
    assert {chunk["due_ns"] for chunk in measured.chunks} == {None}
    assert not measured.writes


def test_a_server_that_should_run_and_does_not_is_named(forge: Forge) -> None:
    with pytest.raises(MeasurementError, match=r"no\.such\.host\.invalid.*cannot resolve"):
        measure(forge, server={"url": "http://no.such.host.invalid"})
    measured = measure(forge, server={"url": "http://127.0.0.1:9"})
    assert measured.streams[0]["completion"] == "error"
    assert "connecting to 127.0.0.1:9" in measured.streams[0]["error"]


UNBUFFERED = {"headers": {"x-accel-buffering": "no"}}
ACCEPTS_GZIP = {"headers": {"accept-encoding": "gzip"}}


@pytest.mark.needs("nginx", "tun")
@pytest.mark.parametrize(
    ("switches", "tables", "lumps"),
    [
        pytest.param("--buffering off", {}, False, id="buffering off"),
        pytest.param("--buffering on", {}, False, id="buffering on, transfer-coded upstream"),
        pytest.param("--buffering on --identity on", {}, True, id="buffering on, identity upstream"),
        pytest.param("--identity on", {"server": UNBUFFERED}, False, id="identity upstream, X-Accel-Buffering: no"),
        pytest.param("--gzip on", {}, False, id="gzip that nobody asks for"),
        pytest.param("--gzip on", {"request": ACCEPTS_GZIP}, True, id="gzip"),
        pytest.param(
            "--gzip on", {"request": ACCEPTS_GZIP, "server": UNBUFFERED}, False, id="gzip, X-Accel-Buffering: no"
        ),
    ],
)
def test_nginx_between_server_and_path(forge: Forge, switches: str, tables: dict[str, Any], lumps: bool) -> None:
    """nginx holds an identity upstream, and what it compresses, to the end; a transfer-coded one it streams all the same."""
    proxy = {"command": f"{NGINX} {switches}"}
    measured = measure(forge, workload=TICKER, path={"delay": "2ms"}, proxy=proxy, **tables)
    assert measured.disagreements == 0
    assert len(measured.chunks) == TICKER["chunks"]
    assert all(chunk["accepted_ns"] <= chunk["sent_ns"] < chunk["recv_ns"] for chunk in measured.chunks)
    if lumps:
        assert measured.reads_with_chunks() <= 2
        assert measured.chunks[0]["sent_ns"] >= measured.chunks[-1]["accepted_ns"]
    else:
        assert measured.reads_with_chunks() >= 0.6 * len(measured.chunks)


WORKERS = "import os,time\nfor _ in range(3):\n os.fork()\nprint(flush=True)\ntime.sleep(600)"


def alive_with(mark: str) -> list[int]:
    """Processes whose command line has `mark`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in words:
                found.append(int(entry.name))
    return found


@pytest.mark.needs("root")
def test_nothing_that_a_program_started_outlives_its_parent() -> None:
    """Eight processes that ignore everything, and `kill -9` of the role that started the first."""
    mark = f"mark-{os.getpid()}"

    def role(control: Control) -> None:
        program = Program(f"{sys.executable} -c {shlex.quote(WORKERS)} {mark}", {}, None)
        while len(alive_with(mark)) < 8:
            os.sched_yield()
        control.send("started", {})
        program.exit_code()
        signal.pause()

    child = Child("role", role)
    try:
        child.receive(30)
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ChildFailed, match="SIGKILL"):
            child.result(30)
        deadline = time.monotonic() + 10
        while alive_with(mark) and time.monotonic() < deadline:
            os.sched_yield()
        assert not alive_with(mark)
    finally:
        child.close()
