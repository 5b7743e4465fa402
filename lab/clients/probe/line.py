"""A connection to somebody else's server, over which one `recv` is one read: clear, or TLS without any IO of its own.

The rule: the stamp is taken the moment `recv` returns, and only then is anything decrypted; so a TLS record that comes in
two segments is two reads, as it is on the wire. Knows no HTTP.
"""

import contextlib
import math
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Protocol

import trio

from lab.clients.probe.record import ProbeRecord
from lab.clients.probe.target import Target
from lab.errors import MeasurementError
from lab.linux import sockets

READ_BYTES = 64 * 1024
# An address that does not answer must not use up the time in which the next one would.
_NEXT_ADDRESS_S = 5.0


class Read(NamedTuple):
    """What one `recv` brought, decrypted: perhaps nothing yet. `ended`: the peer will send no more."""

    data: bytes
    read_ns: int
    ended: bool


class Cover(Protocol):
    """What lies between the socket's bytes and HTTP's."""

    def seal(self, data: bytes) -> bytes:
        """HTTP's bytes as the socket's."""
        ...

    def open(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """(HTTP's bytes in the socket's, what must be sent in answer, whether the peer said goodbye)."""
        ...


class Clear:
    """No cover."""

    def seal(self, data: bytes) -> bytes:
        """See `Cover.seal`."""
        return data

    def open(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """See `Cover.open`."""
        return data, b"", False


class Tls:
    """TLS over memory: bytes in, bytes out. Raises ssl.SSLError."""

    def __init__(self, host: str) -> None:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    def shake(self, data: bytes) -> tuple[bytes, bool]:
        """Take what came of the handshake: (what to send next, whether it is complete)."""
        self._in.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._out.read(), False
        return self._out.read(), True

    def seal(self, data: bytes) -> bytes:
        """See `Cover.seal`."""
        self._tls.write(data)
        return self._out.read()

    def open(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """See `Cover.open`."""
        self._in.write(data)
        plain, ended = bytearray(), False
        try:
            while part := self._tls.read(READ_BYTES):
                plain += part
            ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = True
        return bytes(plain), self._out.read(), ended


class Line:
    """An open connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._cover: Cover = Clear()

    async def secure(self, host: str) -> None:
        """Do the TLS handshake. Raises ssl.SSLError, or MeasurementError when the peer hangs up instead."""
        tls = Tls(host)
        answer, complete = tls.shake(b"")
        await self._send_raw(answer)
        while not complete:
            data, _ = await self._recv_raw()
            if not data:
                raise MeasurementError("the server closed the connection: does this port speak TLS?")
            answer, complete = tls.shake(data)
            await self._send_raw(answer)
        self._cover = tls

    async def send(self, data: bytes) -> None:
        """All of it."""
        await self._send_raw(self._cover.seal(data))

    async def read(self) -> Read:
        """One `recv`."""
        data, read_ns = await self._recv_raw()
        if not data:
            return Read(b"", read_ns, True)
        plain, answer, ended = self._cover.open(data)
        if answer:
            await self._send_raw(answer)
        return Read(plain, read_ns, ended)

    async def _recv_raw(self) -> tuple[bytes, int]:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            with contextlib.suppress(BlockingIOError):
                data = self._sock.recv(READ_BYTES)
                return data, time.monotonic_ns()

    async def _send_raw(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._sock)


@asynccontextmanager
async def open_line(target: Target, record: ProbeRecord) -> AsyncIterator[Line]:
    """Connect to the first address that answers, and secure it; what that took goes into `record`.

    Raises MeasurementError that says which step failed and why.
    """
    sock = await _connect(target, record)
    try:
        line = Line(sock)
        if target.tls:
            record.stage = "the TLS handshake"
            await _secure(line, target)
            record.secured_ns = time.monotonic_ns()
        yield line
    finally:
        trio.lowlevel.notify_closing(sock)
        sock.close()


async def _connect(target: Target, record: ProbeRecord) -> socket.socket:
    record.stage = "resolving the name"
    try:
        found = await trio.socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MeasurementError(f"cannot resolve {target.host!r}: {reason}: check the name and the network") from error
    record.stage = "connecting"
    reasons = []
    address: Any  # (host, port), and for IPv6 two numbers more
    for number, (family, _, _, _, address) in enumerate(found, start=1):
        sock = socket.socket(family, socket.SOCK_STREAM)
        patience_s = math.inf if number == len(found) else _NEXT_ADDRESS_S
        try:
            with trio.fail_after(patience_s):
                await _connect_to(sock, address, record)
        except (OSError, trio.TooSlowError) as error:
            trio.lowlevel.notify_closing(sock)
            sock.close()
            reasons.append(f"{address[0]} port {address[1]}: {_why(error)}")
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise MeasurementError(f"cannot connect to {'; '.join(reasons)}: check that a server listens there")


def _why(error: OSError | trio.TooSlowError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else f"no answer in {_NEXT_ADDRESS_S:.0f} s"


async def _connect_to(sock: socket.socket, address: Any, record: ProbeRecord) -> None:
    sock.setblocking(False)
    sockets.set_option(sock, sockets.NODELAY, 1)
    seen = record.seen
    seen.connect_ns = time.monotonic_ns()
    with contextlib.suppress(BlockingIOError):
        sock.connect(address)
    await trio.lowlevel.wait_writable(sock)
    seen.connected_ns = time.monotonic_ns()
    if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        seen.connected_ns = None
        raise OSError(code, os.strerror(code))
    seen.client_port, seen.server_port = sock.getsockname()[1], sock.getpeername()[1]


async def _secure(line: Line, target: Target) -> None:
    try:
        await line.secure(target.host)
    except ssl.SSLCertVerificationError as error:
        raise MeasurementError(
            f"TLS with {target.authority}: {error.verify_message}: if the certificate is meant to be trusted, "
            "name its authority with SSL_CERT_FILE"
        ) from error
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise MeasurementError(f"TLS with {target.authority}: {reason}: does this port speak TLS?") from error
