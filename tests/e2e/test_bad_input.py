"""Servers that answer as they should not, as a person meets them in `lab run` and `lab load`: a clear line, an exit code."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab.clients.content import MAX_EVENTS
from lab.run.forge import Forge
from lab.run.repetition import Repetition
from lab.trace.store import open_run
from tests.clients.probe.stranger import Stranger, saying, stranger
from tests.clients.responses import OPENAI, chunked
from tests.e2e import bad_app
from tests.e2e.harness import cell_of

PATIENCE_S = 120
APP = f"{sys.executable} {Path(bad_app.__file__)} {{host}} {{port}}"

SCENARIO = f"""
[scenario]
repeat = 1
[workload]
format = "openai"
[server]
command = "{APP} well"
"""

# The cell's own settings beside its command; how its streams ended; what is said of it; whether it is a measurement.
CELLS: dict[str, tuple[str, str, str, bool]] = {
    "refused": ("", "closed", 'answered with status 401: {"error": "no key"}', False),
    "page": ('"client.kind" = "httpx"', "closed", "answered with text/html and not with text/event-stream: <h1>Log", False),
    "json-cut": ("", "truncated", "1 stream ended as truncated", True),
}  # fmt: skip


def test_each_cell_is_told_as_what_it_is_and_the_run_is_no_measurement(tmp_path: Path) -> None:
    cells = [
        f'[[cell]]\nname = "{name}"\n"server.command" = "{APP} {name}"\n{more}\n' for name, (more, *_) in CELLS.items()
    ]
    (tmp_path / "bad.toml").write_text(SCENARIO + "\n".join(cells))
    command = [sys.executable, "-m", "lab", "run", "bad.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    run = open_run(done.stdout.splitlines()[-1])
    streams = run.table("streams").to_pylist()
    for name, (_, completion, said, measured) in CELLS.items():
        assert {row["completion"] for row in streams if row["cell"] == name} == {completion}
        assert any(entry.valid for entry in run.info.repetitions if entry.cell == name) is measured
        last_words = [line for line in done.stderr.splitlines() if re.match(rf"lab: {name}\b", line)]
        assert len(last_words) == bool(said), done.stderr
        assert said in "".join(last_words)
        assert measured or f"{name} has no valid repetition" in last_words[0]


@pytest.mark.parametrize(("case", "completion"), [("endless", "stopped"), ("large", "done")])
def test_what_is_too_much_is_bounded(forge: Forge, case: str, completion: str) -> None:
    """An endless stream, and an event of 64 MiB."""
    cell = cell_of(server={"command": f"{APP} {case}"}, path={"backend": "loopback"})
    (stream,) = forge.conduct(Repetition(cell, rep=1, slot=1, seed="1/1")).seen.streams
    assert stream.completion == completion
    if case == "endless":
        assert "stopped reading: " in (stream.error or "")
        assert MAX_EVENTS <= len(stream.chunks) < 1.1 * MAX_EVENTS
    else:
        assert [len(chunk.text) for chunk in stream.chunks] == [64 << 20]


LOCUSTFILE = """
import gevent
from locust import constant, task
from lab.clients.locust.user import SSEUser

class Reader(SSEUser):
    wait_time = constant(1)
    timeout_s = 0.5

    @task
    def ask_all(self):
        for name, url in {urls}.items():
            self.stream(url, name=name)
        gevent.spawn(self.environment.runner.quit)
"""


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


# By name: what the server answers, and what Locust counts it as. The silent one comes last, for it keeps its server busy.
ASKED: dict[str, tuple[bytes, str]] = {
    "refused": (b"HTTP/1.1 429 No\r\ncontent-length: 4\r\n\r\nslow", "answered with status 429"),
    "page": (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n<p",
        "answered with text/html and not with text/event-stream",
    ),
    "error": (
        chunked([*OPENAI[:3], b'data: {"error": {"message": "GPU on fire"}}\n\n']),
        "the stream has an error in it: GPU on fire",
    ),
    "cut": (chunked(OPENAI[:3], end=False), "the stream ended as truncated"),
    "silent": (b"", "timed out"),
}
UNASKED = {"nobody": "Connection refused", "tls": "certificate verify failed"}


def answer(connection: socket.socket, server: Stranger) -> None:
    """What is asked for by the path."""
    response, _ = ASKED[server.requests[-1].split()[1].decode()[1:]]
    connection.sendall(response)
    if not response:
        server.hold()


def test_locusts_failures_say_what_it_was(tmp_path: Path) -> None:
    with stranger(answer) as server, stranger(saying(), tls=True) as secure:
        urls = {"nobody": f"http://127.0.0.1:{closed_port()}/", "tls": secure.url}
        urls |= {name: f"http://127.0.0.1:{server.port}/{name}" for name in ASKED}
        (tmp_path / "bad.py").write_text(LOCUSTFILE.format(urls=urls))
        options = ("-f", "bad.py", "--headless", "-u", "1", "-t", "30s")
        command = [sys.executable, "-m", "lab", "load", *options, "--host", "http://127.0.0.1"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1, done.stderr  # Locust's way to say that requests failed
    assert "Traceback" not in done.stderr
    for name, words in UNASKED.items() | {(name, words) for name, (_, words) in ASKED.items()}:
        assert re.search(rf"SSE {name} stream: .*{words}", done.stderr), done.stderr
    run = open_run(done.stdout.splitlines()[-1])
    errors = [row["error"] for row in run.table("streams").to_pylist()]
    assert "answered with status 429: slow" in errors
    assert "load: " in done.stderr
