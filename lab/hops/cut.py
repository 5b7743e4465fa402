"""`python -m lab.hops.cut`: a hop that cuts a stream in two, and lets the next one through.

The rule: until it cuts it is no more than a piece of wire: what one `recv` brings leaves at once, NODELAY is on at both
sides, and an end is passed on as an end. Only a response whose request bears the lab's label is cut, so that questions about
its health, a page's files and rehearsals go through. Must not change a byte, and must not read HTTP beyond a head.
"""

import argparse
import math
import socket
import struct
import sys
from collections.abc import Callable

import trio

from lab.model.request import STREAM_LABEL
from lab.model.units import NS_PER_S, parse_duration, parse_size

_LABEL = STREAM_LABEL.encode()
_HEAD_END = b"\r\n\r\n"
_RECV_BYTES = 64 * 1024
# Of a longer request the label is not looked for any further, nor for the end of a longer head.
_HEAD_BYTES = 64 * 1024
# SO_LINGER on, with no time: `close` sends RST and throws away what was not sent yet (socket(7)).
_RESET = struct.pack("ii", 1, 0)


class Progress:
    """How far the measured response of a connection has come. Sans-IO: it is told of every byte that passes.

    `body_bytes` counts the response after its head, framing included, and is 0 for a response that is not measured.
    """

    def __init__(self) -> None:
        self.body_bytes = 0
        self._asked = bytearray()
        self._head: bytearray | None = None  # None: there is no head to come

    def asked(self, data: bytes) -> None:
        """From client to server."""
        if len(self._asked) < _HEAD_BYTES:
            self._asked += data

    def answered(self, data: bytes) -> None:
        """From server to client. The first bytes after a request are another response's."""
        if self._asked:
            self._head = bytearray() if _LABEL in self._asked.lower() else None
            self._asked, self.body_bytes = bytearray(), 0
        if self.body_bytes:
            self.body_bytes += len(data)
        elif self._head is not None and len(self._head) < _HEAD_BYTES:
            self._head += data
            end = self._head.find(_HEAD_END)
            if end >= 0:
                self.body_bytes = len(self._head) - end - len(_HEAD_END)


class Knife:
    """When to cut, how, and how many times still: shared by all connections."""

    def __init__(self, after_bytes: float, after_s: float, *, reset: bool, times: int) -> None:
        """`after_bytes` of the body, or `after_s` after its first byte; the other is infinite."""
        self.after_bytes = after_bytes
        self.after_s = after_s
        self.reset = reset
        self.times = times

    def excess(self, progress: Progress) -> int | None:
        """How many of the body's bytes so far are too many; None while none is."""
        too_many = self.times and progress.body_bytes and progress.body_bytes >= self.after_bytes
        return progress.body_bytes - int(self.after_bytes) if too_many else None

    def due_s(self, progress: Progress) -> float:
        """In what time the connection is to be cut that has come so far."""
        return self.after_s if self.times and progress.body_bytes else math.inf

    def cut(self, client: trio.socket.SocketType) -> None:
        """From here on the connection may only be closed."""
        if self.reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


async def serve(listener: trio.socket.SocketType, upstream: tuple[str, int], knife: Knife) -> None:
    """Pass connections on, for ever."""
    async with trio.open_nursery() as nursery:
        while True:
            client, _ = await listener.accept()
            nursery.start_soon(_pass_on, client, upstream, knife)


async def _pass_on(client: trio.socket.SocketType, upstream: tuple[str, int], knife: Knife) -> None:
    """One connection, until both sides have ended or either is gone. Cut, it is over."""
    progress = Progress()
    with client, _new_socket(upstream) as server:
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await server.connect(upstream)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump, client, server, progress.asked)
                if await _answer(server, client, progress, knife):
                    nursery.cancel_scope.cancel()
        except* OSError:
            pass  # one side is gone: the other is told by the end of the block


def _new_socket(address: tuple[str, int]) -> trio.socket.SocketType:
    return trio.socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)


async def _answer(
    server: trio.socket.SocketType, client: trio.socket.SocketType, progress: Progress, knife: Knife
) -> bool:
    """From server to client; returns whether it was cut."""
    with trio.CancelScope() as clock:
        while data := await server.recv(_RECV_BYTES):
            progress.answered(data)
            excess = knife.excess(progress)
            if excess is not None:
                knife.times -= 1
                await _send(client, data[: len(data) - excess])
                break
            if clock.deadline == math.inf and (due_s := knife.due_s(progress)) < math.inf:
                knife.times -= 1  # it is this connection's from now on
                clock.deadline = trio.current_time() + due_s
            await _send(client, data)
        else:
            knife.times += clock.deadline < math.inf
            client.shutdown(socket.SHUT_WR)
            return False
    knife.cut(client)
    return True


async def _pump(source: trio.socket.SocketType, sink: trio.socket.SocketType, passing: Callable[[bytes], None]) -> None:
    while data := await source.recv(_RECV_BYTES):
        passing(data)
        await _send(sink, data)
    sink.shutdown(socket.SHUT_WR)


async def _send(sock: trio.socket.SocketType, data: bytes) -> None:
    """Not a SocketStream: that would set options of its own."""
    view = memoryview(data)
    while view:
        view = view[await sock.send(view) :]


async def _run(listen: tuple[str, int], upstream: tuple[str, int], knife: Knife) -> None:
    with _new_socket(listen) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        await listener.bind(listen)
        listener.listen()
        await serve(listener, upstream, knife)


def main() -> int:
    """Run until a signal ends it."""
    arguments = _parse()
    knife = Knife(
        math.inf if arguments.after_bytes is None else arguments.after_bytes,
        math.inf if arguments.after_time is None else arguments.after_time / NS_PER_S,
        reset=arguments.how == "reset",
        times=arguments.times,
    )
    try:
        trio.run(_run, arguments.listen, arguments.upstream, knife)
    except OSError as error:
        print(f"cannot listen on {':'.join(map(str, arguments.listen))}: {error.strerror or error}", file=sys.stderr)
    return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.hops.cut", description="a hop that cuts streams in two")
    parser.add_argument("--listen", required=True, type=_address, help="host:port")
    parser.add_argument("--upstream", required=True, type=_address, help="host:port")
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--after-bytes", type=parse_size, help="of the response's body, framing included: 600B")
    when.add_argument("--after-time", type=parse_duration, help="after the first byte of the body: 300ms")
    parser.add_argument("--how", choices=("reset", "close"), default="reset", help="RST, or FIN as at an orderly end")
    parser.add_argument("--times", type=int, default=1, help="cuts in all; 0: none, a piece of wire")
    return parser.parse_args()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
