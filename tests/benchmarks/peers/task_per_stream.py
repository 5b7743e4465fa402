"""The Trio server that everyone writes first: a task for each stream, which sleeps until a chunk is due and sends it."""

import signal
import time
from array import array

import trio

from tests.benchmarks.peers.work import CHUNKS, HEAD, INTERVAL_NS, TEXT, listener, report

_emissions = array("q")


async def _stream(peer: trio.SocketStream) -> None:
    try:
        await _answer(peer)
    except trio.BrokenResourceError:
        pass  # the reader has gone, which is how every stream of a measurement ends
    finally:
        await trio.aclose_forcefully(peer)


async def _answer(peer: trio.SocketStream) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await peer.receive_some()
    start_ns, start_s = time.monotonic_ns(), trio.current_time()
    await peer.send_all(HEAD)
    for index in range(CHUNKS):
        await trio.sleep_until(start_s + index * INTERVAL_NS / 1e9)
        _emissions.extend((start_ns + index * INTERVAL_NS, time.monotonic_ns()))
        event = f"data: {TEXT}\n\n".encode()
        await peer.send_all(b"%x\r\n%b\r\n" % (len(event), event))


async def _serve() -> None:
    async with trio.open_nursery() as nursery:
        accepting = trio.SocketListener(trio.socket.from_stdlib_socket(listener()))
        nursery.start_soon(trio.serve_listeners, _stream, [accepting])
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            await anext(signals)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(_serve)
    report(_emissions)
