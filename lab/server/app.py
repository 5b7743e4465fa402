"""The server as a whole: listen, accept within bounds, pace, drain.

One nursery owns every connection; the pacer is one task of it. Binds loopback unless it is told otherwise.
"""

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from lab.errors import UsageError
from lab.linux import sockets
from lab.server import connection, limits
from lab.server.alarm import open_alarm
from lab.server.mode import inherited_options
from lab.server.pacer import Pacer
from lab.server.record import StreamRecord
from lab.server.routes import Site
from lab.server.shared import Shared

# Connections that the kernel completes while the server is busy; net.core.somaxconn bounds it further.
_BACKLOG = 4_096
_OUT_OF_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
# accept(2) hands over what went wrong with the one connection that it was about to return; the listener is well.
_ITS_OWN_TROUBLE = (
    errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENOPROTOOPT, errno.EOPNOTSUPP,
    errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT,
)  # fmt: skip


def listen(host: str, port: int, site: Site) -> socket.socket:
    """A listening socket with the options that connections inherit. Raises UsageError, naming address and reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sockets.apply(sock, inherited_options(site.server))
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except (OSError, UnicodeError) as error:
        sock.close()
        raise UsageError(f"cannot listen on {host}:{port}: {_why(error)}") from error
    except BaseException:
        sock.close()
        raise
    return sock


def _why(error: OSError | UnicodeError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    remedies = {
        errno.EADDRINUSE: "another program has this port: stop it, or choose another with --port (0 takes a free one)",
        errno.EACCES: "this user may not bind it: choose a port above 1023",
        errno.EADDRNOTAVAIL: "this machine has no such address: use 127.0.0.1, or 0.0.0.0 for all",
    }
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{reason}: {remedies[code]}" if code in remedies else reason


class Server:
    """A running server; made by `running`."""

    def __init__(self, shared: Shared, listener: socket.socket, accepting: trio.CancelScope) -> None:
        self._shared = shared
        self._accepting = accepting
        self.address: tuple[str, int] = listener.getsockname()[:2]

    @property
    def max_slack_ns(self) -> int:
        """The widest slack that the pacer has used so far: part of the error bar."""
        return self._shared.pacer.max_slack_ns

    async def drain(self) -> None:
        """Accept no more, close idle connections, and wait for requests that have begun and streams that are running."""
        self._accepting.cancel()
        with trio.move_on_after(limits.DRAIN_S):
            await self._shared.drain()


@asynccontextmanager
async def running(
    listener: socket.socket, site: Site, records: list[StreamRecord] | None = None
) -> AsyncIterator[Server]:
    """Serve until the block ends; then everything is cut. With `records`, labelled streams are recorded into it."""
    alarm = open_alarm()
    try:
        async with trio.open_nursery() as nursery:
            shared = Shared(site, Pacer(alarm), nursery, records)
            accepting = trio.CancelScope()
            nursery.start_soon(shared.pacer.run)
            nursery.start_soon(_accept, shared, listener, accepting)
            yield Server(shared, listener, accepting)
            nursery.cancel_scope.cancel()
    finally:
        alarm.close()
        listener.close()


async def _accept(shared: Shared, listener: socket.socket, accepting: trio.CancelScope) -> None:
    with accepting:
        while True:
            await trio.lowlevel.wait_readable(listener)
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    await trio.sleep(0.1)  # a descriptor may be free then
                elif error.errno not in _ITS_OWN_TROUBLE:
                    raise
                continue
            sock.setblocking(False)
            shared.nursery.start_soon(_serve, shared, sock)
    listener.close()


async def _serve(shared: Shared, sock: socket.socket) -> None:
    with sock:
        shared.connections += 1
        try:
            if shared.connections > limits.CONNECTIONS:
                await connection.turn_away(sock)
            else:
                await connection.serve(shared, sock)
        finally:
            shared.connections -= 1
            trio.lowlevel.notify_closing(sock)
