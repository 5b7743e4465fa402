"""The lab's own server, with every stream recorded. With a second argument its slack is fixed to that many ns."""

import signal
import sys
from array import array
from unittest import mock

import trio

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server import pacer
from lab.server.app import running
from lab.server.record import StreamRecord
from lab.server.routes import Site
from tests.benchmarks.peers.work import CHUNKS, INTERVAL_NS, TEXT, listener, report


async def _serve(site: Site, records: list[StreamRecord]) -> None:
    async with running(listener(), site, records) as server:
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            await anext(signals)
        await server.drain()


def _emissions(records: list[StreamRecord]) -> "array[int]":
    pairs = array("q")
    for record in records:
        for frame, emit_ns in zip(record.frames, record.emit_ns, strict=False):
            pairs.extend((record.head_ns + frame.due_offset_ns, emit_ns))
    return pairs


def main() -> None:
    """Serve until SIGTERM."""
    size = {"interval": f"{INTERVAL_NS}ns", "chunks": CHUNKS, "size": f"{len(TEXT)}B"}
    site = Site(WorkloadSpec.model_validate({"profile": "ticker", **size}), ServerSpec(), "bench", 0)
    records: list[StreamRecord] = []
    if len(sys.argv) > 2:
        slack_ns = int(sys.argv[2])
        with mock.patch.object(pacer, "slack_ns", return_value=slack_ns):
            trio.run(_serve, site, records)
    else:
        trio.run(_serve, site, records)
    report(_emissions(records))


if __name__ == "__main__":
    main()
