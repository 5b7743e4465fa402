"""uvicorn with sse-starlette: an async generator for each stream, which sleeps until a chunk is due and yields it."""

import asyncio
import signal
import time
from array import array
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from tests.benchmarks.peers.work import CHUNKS, INTERVAL_NS, TEXT, listener, report

_emissions = array("q")


async def _events() -> AsyncIterator[str]:
    start_ns = time.monotonic_ns()
    for index in range(CHUNKS):
        due_ns = start_ns + index * INTERVAL_NS
        await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
        _emissions.extend((due_ns, time.monotonic_ns()))
        yield TEXT


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await EventSourceResponse(_events(), sep="\n")(scope, receive, send)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # uvicorn ends at it, but then gives it to whoever had it before
    config = uvicorn.Config(_app, log_level="error", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener()])
    report(_emissions)
