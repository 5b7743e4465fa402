"""Somebody else's server, as good or as bad as a test wants it: a thread on the loopback, plain or TLS.

A script is told the connection and the request that came on it; what it sends is the response, and its return closes the
connection unless it says `KEEP`. `hold` waits until the test is over.
"""

import atexit
import contextlib
import functools
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme

KEEP = True
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
PATIENCE_S = 20.0


@functools.cache
def loopback_pem() -> Path:
    """A certificate for localhost and 127.0.0.1, its key, and the authority that vouches for it: made for this session."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    parts = [issued.private_key_pem, *issued.cert_chain_pems, authority.cert_pem]
    path = Path(tempfile.mkdtemp(prefix="lab-test-")) / "loopback.pem"
    path.write_bytes(b"".join(part.bytes() for part in parts))
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    return path


@dataclass
class Stranger:
    """A running server, and the requests that it got."""

    port: int
    scheme: str
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """With a path."""
        return f"{self.scheme}://127.0.0.1:{self.port}/stream"

    def hold(self) -> None:
        """Say nothing more."""
        self.over.wait(PATIENCE_S)


Script = Callable[[socket.socket, Stranger], bool | None]


def saying(*parts: bytes, then: Callable[[socket.socket, Stranger], object] | None = None) -> Script:
    """A script that sends these."""

    def script(connection: socket.socket, server: Stranger) -> None:
        for part in parts:
            connection.sendall(part)
        if then is not None:
            then(connection, server)

    return script


def holding(_connection: socket.socket, server: Stranger) -> None:
    """For `then`: the connection stays open, and silent."""
    server.hold()


def resetting(connection: socket.socket, _server: Stranger) -> None:
    """For `then`: the connection ends in a reset, once the client has what was sent."""
    # With a linger time of zero, close() throws away what is unsent and sends RST: socket(7).
    connection.shutdown(socket.SHUT_RD)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def stranger(script: Script, *, tls: bool = False) -> Iterator[Stranger]:
    """Serve until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
    if context is not None:
        context.load_cert_chain(loopback_pem())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Stranger(listener.getsockname()[1], "https" if tls else "http")
        thread = threading.Thread(target=_accept, args=(listener, context, server, script), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            with contextlib.suppress(OSError):  # the way out of accept()
                socket.create_connection(("127.0.0.1", server.port)).close()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def _accept(listener: socket.socket, context: ssl.SSLContext | None, server: Stranger, script: Script) -> None:
    while True:
        plain, _ = listener.accept()
        if server.over.is_set():
            plain.close()
            return
        server.connections += 1
        plain.settimeout(PATIENCE_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What the client does to its connection is for the test to judge; the server must live on.
        with contextlib.suppress(OSError), plain, _secured(plain, context) as connection:
            _serve(connection, server, script)


def _secured(plain: socket.socket, context: ssl.SSLContext | None) -> socket.socket:
    return context.wrap_socket(plain, server_side=True) if context else plain


def _serve(connection: socket.socket, server: Stranger, script: Script) -> None:
    while request := _request(connection):
        server.requests.append(request)
        if not script(connection, server):
            return


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body
