"""The program that holds the browser: `python -m lab.clients.browser.driver`, orders on stdin, answers on stdout.

Each a line of JSON. First {"origin", "chromium", "rehearsal": options}, answered by {"ready": {"samples", "step_ms",
"origin_s"}} or {"failed": why}. Then {"start": options of the page's `typewriter.start`}, answered by {"record"} when that
stream is over, and {"stop": label}. The rule: the end of stdin is the end of everything, so that nobody can leave it behind.
A program of its own, because playwright runs under asyncio and the lab under Trio.
"""

import asyncio
import json
import sys
import time
from typing import Any

from playwright.async_api import Browser, CDPSession, Error, async_playwright

from lab.clients.browser.program import flags

_ROUND_TRIPS = 30
# The smallest advance of the clock within so many readings; some are equal, most come soon after one another.
_STEP_MS = """(() => {
  let smallest = Infinity, last = performance.now();
  for (let reading = 0; reading < 200000; reading++) {
    const now = performance.now();
    if (now - last > 1e-4 && now - last < smallest) smallest = now - last;
    last = now;
  }
  return smallest;
})()"""
# A browser that was asked to close and does not is killed by its driver once this program is gone.
_CLOSE_S = 5.0

Order = dict[str, Any]


async def main() -> None:
    """Until stdin ends."""
    orders: asyncio.Queue[Order] = asyncio.Queue()
    work = asyncio.create_task(_work(orders))
    reading = asyncio.create_task(_read_orders(orders))
    await asyncio.wait([work, reading], return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    reading.cancel()
    await asyncio.wait([work], timeout=_CLOSE_S)
    if work.done() and not work.cancelled():
        work.result()


async def _read_orders(orders: asyncio.Queue[Order]) -> None:
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    while line := await reader.readline():
        orders.put_nowait(json.loads(line))


async def _work(orders: asyncio.Queue[Order]) -> None:
    try:
        settings = await orders.get()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=settings["chromium"],
                args=flags(settings["origin"]),
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
            try:
                session = await _open(browser, settings["origin"])
                await _start(session, settings["rehearsal"])
                _tell({"ready": await _read_clock(session)})
                await _serve(orders, session)
            finally:
                await browser.close()
    except Error as error:
        _tell({"failed": error.message})


async def _open(browser: Browser, origin: str) -> CDPSession:
    """The page."""
    page = await browser.new_page()
    answer = await page.goto(f"{origin}/")
    session = await page.context.new_cdp_session(page)
    if await _evaluate(session, "typeof typewriter") != "object":
        status = answer.status if answer else "nothing"
        raise Error(f"what is there is not the typewriter page (status {status}): only the lab's own server has it")
    return session


async def _read_clock(session: CDPSession) -> dict[str, Any]:
    await session.send("Performance.enable", {"timeDomain": "timeTicks"})
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    origin_s = {metric["name"]: metric["value"] for metric in metrics}.get("NavigationStart")
    samples = [await _round_trip(session) for _ in range(_ROUND_TRIPS)]
    return {"samples": samples, "step_ms": await _evaluate(session, _STEP_MS), "origin_s": origin_s}


async def _round_trip(session: CDPSession) -> tuple[int, float, int]:
    before_ns = time.monotonic_ns()
    now_ms = await _evaluate(session, "performance.now()")
    return before_ns, now_ms, time.monotonic_ns()


async def _evaluate(session: CDPSession, expression: str) -> Any:
    """The value of an expression, or of its promise. Raises Error for what is thrown."""
    # Not playwright's own `evaluate`: that adds its serializer to every call, and the page's policy forbids its `eval`.
    wanted = {"expression": expression, "awaitPromise": True, "returnByValue": True}
    answer = await session.send("Runtime.evaluate", wanted)
    if "exceptionDetails" in answer:
        thrown = answer["exceptionDetails"]
        raise Error(thrown.get("exception", {}).get("description", thrown["text"]))
    return answer["result"].get("value")


async def _serve(orders: asyncio.Queue[Order], session: CDPSession) -> None:
    async with asyncio.TaskGroup() as group:
        while True:
            order = await orders.get()
            if "start" in order:
                group.create_task(_stream(session, order["start"]))
            else:
                group.create_task(_evaluate(session, f"typewriter.stop({json.dumps(order['stop'])})"))


async def _stream(session: CDPSession, options: dict[str, Any]) -> None:
    _tell({"record": await _start(session, options)})


async def _start(session: CDPSession, options: dict[str, Any]) -> Any:
    """The record of a stream, when it is over."""
    return await _evaluate(session, f"typewriter.start({json.dumps(options)})")


def _tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
