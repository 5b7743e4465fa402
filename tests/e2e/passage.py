"""A way through to a server that breaks off in mid-stream, once for each of its cuts: what a bad network does."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PATIENCE_S = 30.0


@dataclass
class Passage:
    """`cuts`: for each connection the bytes after which it breaks off, behind the first place where they stand."""

    server_port: int
    cuts: list[bytes]
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    begun_ns: list[int] = field(default_factory=list)
    cut_ns: list[int] = field(default_factory=list)

    def field_of(self, name: str) -> list[str | None]:
        """That header of each request."""
        return [_field(head, name) for head in self.heads]

    def serve(self, client: socket.socket) -> None:
        """One connection, one request; the response as far as it may go."""
        self.begun_ns.append(time.monotonic_ns())
        cut = self.cuts.pop(0) if self.cuts else None
        with socket.create_connection(("127.0.0.1", self.server_port), timeout=PATIENCE_S) as server:
            self.heads.append(_head(client))
            server.sendall(self.heads[-1].replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
            passed = b""
            while data := server.recv(65_536):
                before, passed = len(passed), passed + data
                end = passed.find(cut) if cut is not None else -1
                if cut is not None and end >= 0:
                    client.sendall(passed[before : end + len(cut)])
                    self.cut_ns.append(time.monotonic_ns())
                    return
                client.sendall(data)


def _field(head: bytes, name: str) -> str | None:
    for line in head.decode().split("\r\n"):
        if line.lower().startswith(f"{name}: "):
            return line.partition(": ")[2]
    return None


def _head(client: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = client.recv(65_536)
        if not data:
            break
        head += data
    return head


@contextmanager
def passage(server_port: int, cuts: list[bytes]) -> Iterator[Passage]:
    """While the block runs, one connection after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        way = Passage(server_port, cuts, listener.getsockname()[1])

        def accept() -> None:
            with suppress(OSError):  # the listener was closed: the test is over
                while True:
                    with listener.accept()[0] as client, suppress(OSError):
                        client.settimeout(PATIENCE_S)
                        way.serve(client)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield way
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
