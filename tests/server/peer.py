"""A server in this process and a plain peer that speaks to it over loopback, byte by byte where a test wants that."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio

from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.app import Server, listen, running
from lab.server.record import StreamRecord
from lab.server.routes import Site
from lab.wire.response import Ending, ResponseReader

CHAT = "/v1/chat/completions"
# Never reached unless the server hangs: a test asserts what happens, not when.
PATIENCE_S = 20.0


def site(workload: dict[str, Any] | None = None, **server: Any) -> Site:
    """Three plain chunks a millisecond apart, unless told otherwise."""
    keys = {"profile": "ticker", "chunks": 3, "interval": "1ms"} | (workload or {})
    return Site(WorkloadSpec.model_validate(keys), ServerSpec.model_validate(server), "1", 1_700_000_000)


@asynccontextmanager
async def serving(settings: Site | None = None, records: list[StreamRecord] | None = None) -> AsyncIterator[Server]:
    """The server on a free port of loopback; a hang fails the test."""
    settings = settings or site()
    with trio.fail_after(PATIENCE_S):
        async with running(listen("127.0.0.1", 0, settings), settings, records) as server:
            yield server


@dataclass
class Response:
    """What came, and how it ended."""

    reader: ResponseReader
    body: bytes
    raw: bytes

    @property
    def status(self) -> int | None:
        """None: the connection ended before a head."""
        return self.reader.status

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        return dict(self.reader.headers)

    @property
    def complete(self) -> bool:
        """Whether its own framing said that it was over."""
        return self.reader.complete

    @property
    def message(self) -> str:
        """Of an error in OpenAI's shape."""
        return str(json.loads(self.body)["error"]["message"])


class Peer:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes | str) -> None:
        """As it is."""
        await self.stream.send_all(data.encode("latin-1") if isinstance(data, str) else data)

    async def get(self, target: str, *headers: str, method: str = "GET") -> Response:
        """Ask, and read the answer."""
        await self.send(request(target, *headers, method=method))
        return await self.response(bodiless=method == "HEAD")

    async def response(self, *, bodiless: bool = False) -> Response:
        """Read one response; what follows it is kept for the next."""
        reader, body, raw = ResponseReader(), b"", b""
        data, self._buffer = self._buffer, b""
        while True:
            raw += data
            body += b"".join(piece.data for piece in reader.feed(data))
            if reader.complete or (bodiless and reader.status is not None):
                self._buffer = reader.trailing
                return Response(reader, body, raw)
            data = await self.stream.receive_some()
            if not data:
                reader.end_of_input()
                return Response(reader, body, raw)

    async def until(self, words: bytes) -> bytes:
        """Read until `words` have come."""
        seen = b""
        while words not in seen:
            data = await self.stream.receive_some()
            assert data, f"closed before {words!r}: {seen!r}"
            seen += data
        return seen

    async def closed(self) -> bool:
        """Whether the server closes, with nothing more said."""
        return not self._buffer and await self.stream.receive_some() == b""


def request(target: str, *headers: str, method: str = "GET") -> str:
    """The bytes of a request without a body."""
    return "\r\n".join((f"{method} {target} HTTP/1.1", "host: lab", *headers, "", ""))


def post(target: str, body: bytes, *headers: str) -> bytes:
    """The bytes of a request with one."""
    return request(target, f"content-length: {len(body)}", *headers, method="POST").encode() + body


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Peer]:
    """A connection to it."""
    async with await trio.open_tcp_stream(*server.address) as stream:
        yield Peer(stream)


def ended_cleanly(response: Response) -> bool:
    """For a response without a length: the connection's end was its end."""
    return response.reader.end_of_input() is Ending.CLEAN
