"""The `eventsource` package from npm, which people use under Node, as a reader of the lab's `/events`."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.model.server import ServerSpec
from lab.model.units import NS_PER_MS
from tests.e2e.event_source import EventSource
from tests.e2e.passage import passage
from tests.e2e.serving import PATIENCE_S, Served, served
from tests.lacking import lack

pytestmark = pytest.mark.needs("node", "npm")

PACKAGE = "eventsource@3.0.7"
# What that package waits before it comes back, until a server says otherwise.
_ITS_OWN_RETRY_MS = 3000

READER = """
import { EventSource } from "eventsource";

const tell = (what, more) => console.log(JSON.stringify({ what, ...more }));
const source = new EventSource(process.argv[2]);
source.onopen = () => tell("open", {});
source.onmessage = (event) => tell("message", { id: event.lastEventId, data: event.data });
source.onerror = (event) => tell("error", { closed: source.readyState === source.CLOSED, status: event.code ?? null });
"""

Told = list[dict[str, Any]]


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, beside a package that was fetched for it; both go with the session's other files."""
    directory = tmp_path_factory.mktemp("eventsource")
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--no-update-notifier", "--ignore-scripts")
    command = ["npm", "install", *quiet, "--prefix", str(directory), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, cwd=directory, timeout=4 * PATIENCE_S)
    if done.returncode != 0:
        lack(PACKAGE, f"npm could not fetch it: {(done.stderr.strip().splitlines() or ['without a word'])[0]}")
    program = directory / "reader.mjs"
    program.write_text(READER)
    return program


@pytest.fixture(scope="module")
def lab() -> Iterator[Served]:
    """A server whose nine letters are there at once."""
    with served("--set", "profile=phrase", "--set", "chunks=9", "--set", "interval=2ms") as server:
        yield server


def read(reader: Path, url: str) -> Told:
    """Until it gives up for good, which ends the program: nothing keeps Node alive then."""
    done = subprocess.run(["node", str(reader), url], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_reads_to_the_end_resumes_after_a_cut_and_stops_at_204(reader: Path, lab: Served) -> None:
    """Cut inside the fourth event: what came of it is dropped, the rest is asked for, and nothing is read twice."""
    whole = EventSource(lab.port)
    whole.run()
    with passage(lab.port, [b"id: 4\nda"]) as way:
        told = read(reader, f"http://127.0.0.1:{way.port}/events")
    messages = [each for each in told if each["what"] == "message"]
    assert [(each["id"], each["data"]) for each in messages] == [(event.id, event.data) for event in whole.events]
    assert len(messages) == 9
    assert [each["what"] for each in told if each["what"] != "message"] == ["open", "error", "open", "error", "error"]
    errors = [(each["closed"], each["status"]) for each in told if each["what"] == "error"]
    assert errors == [(False, None), (False, None), (True, 204)]
    assert way.field_of("last-event-id") == [None, "3", "9"]
    assert set(way.field_of("accept")) == {"text/event-stream"}
    waited_ms = (way.begun_ns[1] - way.cut_ns[0]) / 1_000_000
    assert ServerSpec().retry / NS_PER_MS <= waited_ms < _ITS_OWN_RETRY_MS


def test_what_is_no_event_stream_fails_for_good(reader: Path, lab: Served) -> None:
    told = read(reader, f"{lab.url}/healthz")
    assert [(each["what"], each["closed"]) for each in told] == [("error", True)]
