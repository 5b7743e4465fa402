"""Servers of the tests, under Trio on the loopback: each does one thing, as `serve` says, and then what it should not."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

Serve = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[tuple[str, int]]:
    """Its address, while the block runs."""

    async def guarded(stream: trio.SocketStream) -> None:
        try:
            await serve(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client left first, as some tests want it to
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, guarded, [listener])
        yield listener.socket.getsockname()
        nursery.cancel_scope.cancel()


async def request(stream: trio.SocketStream) -> bytes:
    """One request's head; empty when the client has left."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        data = await stream.receive_some()
        if not data:
            return b""
        head += data
    return bytes(head)


def answer(*parts: bytes) -> Serve:
    """Sends these after the request, then closes."""

    async def serve(stream: trio.SocketStream) -> None:
        await request(stream)
        for part in parts:
            await stream.send_all(part)

    return serve
