"""Traffic across a real relay for the tests: one server and one client, each forked into its side of the path."""

import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from lab.linux.child import Control
from lab.model.path import PathSpec
from lab.path.base import PathRecord
from lab.path.tun.running import inside, relaying

PORT = 8000
DEADLINE_S = 30.0

Talk = Callable[[socket.socket], Any]
Row = dict[str, int]


class Outcome(NamedTuple):
    """What the relay, the server's and the client's function returned."""

    record: PathRecord
    server: Any
    client: Any


def tun(spec: dict[str, object]) -> PathSpec:
    """The path with these keys, by the lab's own emulator."""
    return PathSpec.model_validate({"backend": "tun", **spec})


def exchange(spec: dict[str, object], serve: Talk, talk: Talk, seed: int = 1) -> Outcome:
    """One TCP connection over a path of `spec`: `serve` gets the accepted socket, `talk` the connected one."""

    def server(control: Control) -> Any:
        with socket.create_server((path.server_address, PORT)) as listener:
            control.send("listening", {})
            connection, _ = listener.accept()
            with connection:
                return serve(prepared(connection))

    def client(_control: Control) -> Any:
        with prepared(socket.create_connection((path.server_address, PORT), DEADLINE_S)) as connection:
            return talk(connection)

    with relaying(tun(spec), seed) as (path, carrier), inside(path, "server", server) as serving:
        serving.receive(DEADLINE_S, beside=[carrier])
        with inside(path, "client", client) as talking:
            heard = talking.result(DEADLINE_S, beside=[carrier])
            served = serving.result(DEADLINE_S, beside=[carrier])
        carrier.stop()
        return Outcome(carrier.result(DEADLINE_S), served, heard)


def prepared(connection: socket.socket) -> socket.socket:
    """Every write its own segment, and no waiting for ever."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    connection.settimeout(DEADLINE_S)
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Everything until the peer closes."""
    received = bytearray()
    while data := connection.recv(65536):
        received += data
    return bytes(received)


def rows(record: PathRecord, **where: int) -> list[Row]:
    """The packet log by row, only rows whose columns have the given values."""
    names = list(record.packets)
    table = [dict(zip(names, values, strict=True)) for values in zip(*record.packets.values(), strict=True)]
    return [row for row in table if all(row[name] == value for name, value in where.items())]
