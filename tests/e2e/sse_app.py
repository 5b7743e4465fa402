"""Somebody else's server, in as few lines as an engineer would write: uvicorn serves it in the tests."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

CHUNKS = 10


async def chat(_request: Request) -> EventSourceResponse:
    async def tokens() -> AsyncIterator[dict[str, Any]]:
        for number in range(CHUNKS):
            await asyncio.sleep(0.02)
            yield {"comment": f"emit_ns={time.monotonic_ns()}", "data": f"token {number}"}
        yield {"data": "[DONE]"}

    return EventSourceResponse(tokens())


app = Starlette(routes=[Route("/v1/chat/completions", chat)])
