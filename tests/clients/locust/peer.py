"""A server in a thread for blocking clients: answers each connection with the given parts, then closes as it is told to."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Serve = Callable[[socket.socket], None]


@dataclass
class Peer:
    """Where it listens, and the heads of the requests that it got."""

    address: tuple[str, int]
    heads: list[bytes] = field(default_factory=list)


@contextmanager
def serving(
    *parts: bytes, reset: bool = False, stay: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[Peer]:
    """Every part is one `send`. `stay`: the connection is not closed before the client's end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = Peer(listener.getsockname())

        def answer(connection: socket.socket) -> None:
            peer.heads.append(_head(connection))
            for part in parts:
                connection.sendall(part)
            if stay:
                connection.recv(1)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def accept() -> None:
            with suppress(OSError):  # the listener was closed: the test is over
                while True:
                    with listener.accept()[0] as connection, suppress(OSError):
                        if tls is None:
                            answer(connection)
                        else:
                            with tls.wrap_socket(connection, server_side=True) as wrapped:
                                answer(wrapped)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield peer
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        assert not thread.is_alive()


def _head(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        if not data:
            break
        head += data
    return head
