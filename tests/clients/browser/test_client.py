"""The browser client with a real Chromium: its records, its end, and what it cannot do."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from lab.clients.browser import client
from lab.clients.browser.clock import PageClock
from lab.clients.browser.process import Reply, open_browser
from lab.clients.browser.program import require
from lab.clients.visit import Visit
from lab.errors import MeasurementError, UsageError
from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.app import listen, running
from lab.server.record import StreamRecord
from lab.server.routes import Site
from lab.trace.records import ChunkRow, ReadRow, StreamSeen
from tests.processes import PATIENCE_S, descendants, ends

# Longer than any test: what ends sooner was ended.
ENDLESS = WorkloadSpec.model_validate({"profile": "ticker", "chunks": 50_000, "interval": "20ms", "format": "openai"})
BRIEF = {"path": "/events?chunks=2&interval=1ms&framing=close", "transport": "eventsource", "expected": 2}


@asynccontextmanager
async def serving(workload: WorkloadSpec) -> AsyncIterator[tuple[tuple[str, int], list[StreamRecord]]]:
    """The lab's server, its address and its records."""
    site, records = Site(workload, ServerSpec(), "1", 0), list[StreamRecord]()
    async with running(listen("127.0.0.1", 0, site), site, records) as server:
        yield server.address, records


def visit_of(address: tuple[str, int], workload: WorkloadSpec, timeout_s: float = PATIENCE_S, **client: Any) -> Visit:
    spec = ClientSpec.model_validate({"kind": "browser"} | client)
    return Visit(address, spec, workload, RequestSpec(), "1", timeout_s)


def test_the_record_of_a_page_becomes_a_clients_record() -> None:
    record = {
        "connectAt": None, "connectedAt": None, "requestAt": 1.0, "firstByteAt": 2.0, "headersAt": 2.5, "status": 200,
        "reads": [[100, 3.0], [50, 4.0]], "chunks": [["a", 3.25, 1], ["b", 4.25, None]],
        "returns": [
            {"lostAt": 5.0, "headersAt": 9.0, "chunks": [["c", 9.5, None]]},
            {"lostAt": 9.75, "headersAt": None, "chunks": []},
        ],
    }  # fmt: skip
    seen = StreamSeen(1, 0)
    client.fill(seen, record, PageClock(1_000_000_000, 5_000))
    assert (seen.connect_ns, seen.connected_ns, seen.client_port, seen.connection) == (None, None, None, 0)
    assert (seen.request_ns, seen.first_byte_ns, seen.headers_ns) == (1_001_000_000, 1_002_000_000, 1_002_500_000)
    assert seen.reads == [ReadRow(None, 100, None, 1_003_000_000), ReadRow(None, 50, None, 1_004_000_000)]
    assert seen.chunks == [ChunkRow(None, "a", 1_003_250_000, 1), ChunkRow(None, "b", 1_004_250_000, 0)]
    again = [(each.stream, each.request_ns, each.headers_ns, each.chunks) for each in seen.returns]
    assert again == [
        (1, 1_005_000_000, 1_009_000_000, [ChunkRow(None, "c", 1_009_500_000, 0)]),
        (1, 1_009_750_000, None, []),
    ]


SOCKET_KEYS = {"rcvbuf": "8KiB", "quickack": "off", "read_delay": "5ms", "reuse": 2, "read_size": "1KiB"}


@pytest.mark.parametrize(("key", "value"), SOCKET_KEYS.items())
def test_what_a_browser_decides_itself_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f'{key}: kind = "browser" decides this itself'):
        ClientSpec.model_validate({"kind": "browser", key: value})


async def test_a_request_that_a_page_does_not_make_is_refused() -> None:
    request = RequestSpec(method="PUT")
    visit = Visit(("127.0.0.1", 1), ClientSpec(kind="browser"), WorkloadSpec(), request, "1", 1.0)
    with pytest.raises(UsageError, match="the page asks in its own way"):
        await client.run(visit)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("transport", ["fetch", "eventsource"])
async def test_a_stream_that_is_stopped_ends_at_the_server(transport: str) -> None:
    """The server's record is complete when the stream has ended there, long before its plan."""
    async with serving(ENDLESS) as (address, records):
        async with (
            open_browser(require(), f"http://127.0.0.1:{address[1]}", BRIEF) as (browser, _clock),
            trio.open_nursery() as nursery,
        ):
            reply = Reply()
            nursery.start_soon(browser.read_stream, reply, {"transport": transport, "label": 7})
            with trio.fail_after(PATIENCE_S):
                await trio.sleep(0.3)
                assert records == []
                await browser.send({"stop": 7})
                await reply.done.wait()
                while not records:
                    await trio.sleep(0.005)
        (record,) = records
        assert record.stream == 7
        assert len(record.emit_ns) < ENDLESS.chunks
        assert reply.record is not None
        assert reply.record["completion"] == "stopped"


@pytest.mark.needs("chromium")
async def test_what_came_before_the_time_was_up_is_kept() -> None:
    for timeout_s in (1.0, 4.0):  # on a machine that is busy, a second may be over before the first letter
        async with serving(ENDLESS) as (address, _records):
            record = await client.run(visit_of(address, ENDLESS, timeout_s=timeout_s, streams=2))
        assert [seen.completion for seen in record.streams] == ["timeout", "timeout"]
        if all(seen.chunks for seen in record.streams):
            break
    for seen in record.streams:
        assert 0 < len(seen.chunks) < ENDLESS.chunks
        assert len(seen.reads) > 0


@pytest.mark.needs("chromium")
async def test_where_there_is_no_page_it_says_so() -> None:
    nobody = listen("127.0.0.1", 0, Site(WorkloadSpec(), ServerSpec(), "1", 0))
    address = nobody.getsockname()
    nobody.close()
    with pytest.raises(
        MeasurementError, match=r"opening http://127\.0\.0\.1:\d+/ in a browser.*ERR_CONNECTION_REFUSED"
    ):
        await client.run(visit_of(address, ENDLESS))


_HOLDER = """
import trio
from lab.clients.browser.process import open_browser
from lab.clients.browser.program import require
from tests.clients.browser.test_client import BRIEF, ENDLESS, serving

async def main():
    async with serving(ENDLESS) as (address, _), open_browser(require(), f"http://127.0.0.1:{address[1]}", BRIEF):
        print("open", flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("victim", ["the client", "the program that drives the browser"])
def test_a_killed_client_leaves_no_browser_behind(victim: str) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        family = descendants(holder.pid)
        names = {Path(f"/proc/{pid}/comm").read_text().strip() for pid in family}
        assert "chromium" in names
        os.kill(holder.pid if victim == "the client" else family[0], signal.SIGKILL)
        assert [pid for pid in family if not ends(pid)] == []
        holder.kill()
