"""The browser from the client's side: a child program that takes orders and answers with records, under Trio.

The rule: the child lives inside one block. However the block ends, the child and its browser are gone when it is left; if
this process is killed, its end of the pipe closes, and that ends them too.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from lab.clients.browser.clock import PageClock, Sample, page_clock
from lab.errors import ChildFailed, MeasurementError

_DRIVER = "lab.clients.browser.driver"
# Seen: 2 to 4 s on two busy cores, most of it Chromium's own start.
_SETUP_S = 15.0
_STOP_S = 2.0
_END_S = 8.0

Record = dict[str, Any]


class Browser:
    """A page that is ready. Made by `open_browser`."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._replies: dict[int, Reply] = {}
        self._sending = trio.Lock()

    async def read_stream(self, reply: "Reply", options: dict[str, Any]) -> None:
        """Have the page read a stream, until it is over; `options` are those of the page, `label` among them.

        Where this is cancelled the stream is stopped, and what came until then is in `reply`.
        """
        self._replies[options["label"]] = reply
        await self.send({"start": options})
        try:
            await reply.done.wait()
        except trio.Cancelled:
            with trio.move_on_after(_STOP_S, shield=True):
                await self.send({"stop": options["label"]})
                await reply.done.wait()
            raise

    async def send(self, order: dict[str, Any]) -> None:
        """One order. One that the child cannot take any more is no error here: whoever waits for the answer sees it."""
        assert self._process.stdin is not None
        with suppress(trio.BrokenResourceError):
            async with self._sending:
                await self._process.stdin.send_all(json.dumps(order).encode() + b"\n")

    async def listen(self, answers: "_Answers") -> None:
        """Hand out records for ever. Raises ChildFailed when the child ends."""
        while "record" in (answer := await answers.receive()):
            reply = self._replies.pop(answer["record"]["label"])
            reply.record = answer["record"]
            reply.done.set()
        raise ChildFailed(f"reading streams in a browser: {answer['failed']}")


class Reply:
    """Where a record will be."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self.done = trio.Event()


@asynccontextmanager
async def open_browser(
    chromium: str, origin: str, rehearsal: dict[str, Any]
) -> AsyncIterator[tuple[Browser, PageClock]]:
    """A browser that shows the page of `origin`, and the page's clock. Raises MeasurementError if it does not come up.

    `rehearsal` are the page's options for a stream that is read before any other.
    """
    # A session of its own: a Ctrl-C at the terminal is the lab's to answer.
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", _DRIVER], stdin=-1, stdout=-1, start_new_session=True
    )
    try:
        browser, answers = Browser(process), _Answers(process)
        await browser.send({"origin": origin, "chromium": chromium, "rehearsal": rehearsal})
        clock = await _ready(origin, answers)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(browser.listen, answers)
            yield browser, clock
            nursery.cancel_scope.cancel()
    finally:
        await _end(process)


class _Answers:
    """The child's lines."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdout is not None
        self._stream = process.stdout
        self._lines: list[bytes] = [b""]  # the last one has not ended yet

    async def receive(self) -> dict[str, Any]:
        """The next one; after the last, what the child would say if it still could."""
        while len(self._lines) == 1:
            data = await self._stream.receive_some()
            if not data:
                return {"failed": "the program that drives it ended"}
            self._lines = (self._lines[0] + data).split(b"\n")
        answer: dict[str, Any] = json.loads(self._lines.pop(0))
        return answer


async def _ready(origin: str, answers: _Answers) -> PageClock:
    what = f"opening {origin}/ in a browser"
    with trio.move_on_after(_SETUP_S):
        answer = await answers.receive()
        if "failed" in answer:
            raise MeasurementError(f"{what}: {answer['failed']}")
        ready = answer["ready"]
        samples = [Sample(*sample) for sample in ready["samples"]]
        origin_s = ready["origin_s"]
        stated_ns = None if origin_s is None else round(origin_s * 1_000_000) * 1000
        return page_clock(samples, round(ready["step_ms"] * 1_000_000), stated_ns)
    raise MeasurementError(f"{what}: it was not ready after {_SETUP_S:g} s: is the machine too busy for it?")


async def _end(process: trio.Process) -> None:
    """Ask it to end, by the end of its input; kill its session if it does not."""
    with trio.CancelScope(shield=True):
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.aclose()
        with trio.move_on_after(_END_S):
            await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        await process.stdout.aclose()
