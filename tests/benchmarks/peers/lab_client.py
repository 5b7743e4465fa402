"""A client of the lab as a repetition runs it, its record put out as rows of int64: stream, chunk (from 0), read, arrival.

Arguments: the port, streams, chunks of each, the client's kind. The instants are CLOCK_MONOTONIC ns.
"""

import gc
import sys
from array import array

import trio

from lab.clients import kinds
from lab.clients.visit import Visit
from lab.model.client import ClientSpec
from lab.model.request import RequestSpec
from lab.model.workload import WorkloadSpec
from lab.trace.records import ClientRecord
from tests.benchmarks.peers.work import INTERVAL_NS, TEXT, report

_LIMIT_S = 40.0


def _rows(record: ClientRecord) -> "array[int]":
    rows = array("q")
    for seen in record.streams:
        assert seen.completion == "done", f"stream {seen.stream} ended as {seen.completion}: {seen.error}"
        for index, chunk in enumerate(seen.chunks):
            rows.extend((seen.stream, index, seen.reads[chunk.read_index - 1].read_ns, chunk.arrival_ns))
    return rows


def main() -> None:
    """Visit once."""
    port, streams, chunks = map(int, sys.argv[1:4])
    kind = sys.argv[4]
    size = {"interval": f"{INTERVAL_NS}ns", "chunks": chunks, "size": f"{len(TEXT)}B"}
    workload = WorkloadSpec.model_validate({"profile": "ticker", **size})
    spec = ClientSpec.model_validate({"kind": kind, "streams": streams})
    visit = Visit(("127.0.0.1", port), spec, workload, RequestSpec(), "bench/1", _LIMIT_S)
    gc.disable()
    report(_rows(trio.run(kinds.runner(kind), visit)))


if __name__ == "__main__":
    main()
