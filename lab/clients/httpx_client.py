"""The httpx client on Trio, as applications use it: `httpx` decodes `aiter_bytes()`, `httpx-sse` lets that package do it.

The rule: a read is what httpx hands out (one piece for each frame of a transfer-coding, however many a `recv` brought),
stamped before it goes on, so what httpx does to a stream shows as its own. Framing stays hidden: offsets are null, and the
first byte is known no earlier than the whole head. The client is built before anything is due (`setup_ns`).
"""

import functools
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import httpx_sse
import trio

from lab.clients.answers import KEPT_BYTES, Ended, conclude
from lab.clients.content import Content
from lab.clients.httpx_errors import cut_short, translated
from lab.clients.pool import visit_all
from lab.clients.visit import Visit
from lab.errors import ProtocolError
from lab.linux import sockets
from lab.model.client import ClientSpec
from lab.model.request import STREAM_LABEL
from lab.trace.records import ChunkRow, ClientRecord, Completion, ReadRow, StreamSeen
from lab.wire.emitted import EmitComments
from lab.wire.event_source import EventSource
from lab.wire.sse import Decoder

# Raw sends none either; a proxy that compresses would otherwise be measured with one client and not with the other.
_HEADERS = {"accept": "text/event-stream", "accept-encoding": "identity"}


@dataclass(frozen=True)
class _Reader:
    """An AsyncClient with a pool of its own, so that the n-th request of a connection is just that."""

    client: httpx.AsyncClient
    transport: httpx.AsyncHTTPTransport


@dataclass
class _Run:
    visit: Visit
    receive: "_Receive"
    idle: list[_Reader]
    sockets: dict[str, tuple[object, object]] = field(default_factory=dict)
    connections: int = 0


async def run(visit: Visit) -> ClientRecord:
    """Do it. httpx-sse drops an event that the connection's end cut off: such a stream is `closed` there."""
    receive = _receive_sse if visit.spec.kind == "httpx-sse" else _receive_raw
    begin_ns = time.monotonic_ns()
    state = _Run(visit, receive, _build(visit.spec))
    setup_ns = time.monotonic_ns() - begin_ns
    seen = await visit_all(visit, functools.partial(_visit, state))
    return ClientRecord(seen, state.sockets, setup_ns)


def _build(spec: ClientSpec) -> list[_Reader]:
    """One for each stream; loading the certificates, which takes longer than all the rest, is shared."""
    context = httpx.create_ssl_context()
    options: list[tuple[int, int, Any]] = [
        (option.level, option.number, _raw(value)) for option, value in _options(spec).items()
    ]
    readers = []
    for _ in range(spec.streams):
        transport = httpx.AsyncHTTPTransport(verify=context, socket_options=options)
        readers.append(_Reader(httpx.AsyncClient(transport=transport, timeout=None, trust_env=False), transport))
    return readers


def _options(spec: ClientSpec) -> dict[sockets.Option, sockets.Value]:
    """As the raw client's, but httpcore sets them only after `connect`: a small buffer then keeps a large window scale."""
    options: dict[sockets.Option, sockets.Value] = {sockets.NODELAY: 1}
    if sys.platform == "linux":
        options |= {sockets.CONGESTION: "reno", sockets.NOTSENT_LOWAT: sockets.NOTSENT_UNLIMITED}
        if spec.window_clamp is not None:
            options[sockets.WINDOW_CLAMP] = spec.window_clamp
    if spec.rcvbuf is not None:
        options[sockets.RCVBUF] = spec.rcvbuf
    return options


def _raw(value: sockets.Value) -> int | bytes:
    return value.encode() if isinstance(value, str) else value


async def _visit(state: _Run, seen: StreamSeen, source: EventSource | None) -> Completion:
    """One connection, `reuse` requests on it, of which the last is the measured one."""
    spec = state.visit.spec
    seen.connection = state.connections = state.connections + 1
    reader = state.idle.pop()
    try:
        for seen.request in range(1, spec.reuse):
            unmeasured = StreamSeen(seen.stream, seen.due_ns)
            await _exchange(state, reader.client, _Trace(seen, unmeasured, spec.reuse), {}, None)
            await trio.sleep(spec.think / 1e9)
        seen.request = spec.reuse
        fields = {STREAM_LABEL: str(seen.stream), **(source.request_fields() if source else {})}
        return await _exchange(state, reader.client, _Trace(seen, seen, spec.reuse), fields, source)
    finally:
        await reader.transport.aclose()  # the connection; the transport opens another
        state.idle.append(reader)


class _Trace:
    """httpcore's trace extension: what it is about to do and has done. The connection's stamps are the measured stream's."""

    def __init__(self, measured: StreamSeen, seen: StreamSeen, reuse: int) -> None:
        self._measured = measured
        self._reuse = reuse
        self.seen = seen

    async def __call__(self, event: str, _info: dict[str, Any]) -> None:
        now_ns = time.monotonic_ns()
        match event:
            case "connection.connect_tcp.started":
                if self._measured.connect_ns is not None:
                    raise ProtocolError(
                        f"request {self._measured.request - 1} of {self._reuse} on a connection: the server closed it: "
                        "use client.reuse = 1, or a server that keeps connections alive"
                    )
                self._measured.connect_ns = now_ns
            case "connection.connect_tcp.complete":
                self._measured.connected_ns = now_ns
            case "http11.send_request_headers.started":
                self.seen.request_ns = now_ns
            case "http11.receive_response_headers.complete":
                self.seen.first_byte_ns = self.seen.headers_ns = now_ns


class _Exchange:
    """One response on its way into one record."""

    def __init__(self, state: _Run, seen: StreamSeen, source: EventSource | None) -> None:
        self._state = state
        self._seen = seen
        self._source = source
        self._content = Content.planned(state.visit.workload, chunks_known=state.visit.own_server)
        self._socket: Any = None
        # The only way out of httpx's generators in mid-stream that leaves none of them unfinished.
        self.enough = trio.CancelScope()
        self._headers: list[tuple[str, str]] = []
        self._beginning = b""

    def opened(self, response: httpx.Response) -> bool:
        """The head is in; returns whether the body is to be read, of which each piece passes `_pieces` first.

        Raises ProtocolError for a response that a reader which comes back does not take.
        """
        stream = response.extensions["network_stream"]
        self._seen.status = response.status_code
        self._headers = response.headers.multi_items()
        self._seen.client_port = stream.get_extra_info("client_addr")[1]
        self._seen.server_port = stream.get_extra_info("server_addr")[1]
        self._socket = stream.get_extra_info("socket")
        self._state.sockets = _read_back(self._socket, _options(self._state.visit.spec))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Stamped(response.stream, self._pieces)
        if self._source is None or self._source.answered(response.status_code, response.headers.get("content-type")):
            return True
        if self._source.failure is not None:
            raise ProtocolError(self._source.failure)
        return False

    def decoder(self) -> Decoder:
        """For the response's body."""
        return Decoder() if self._source is None else self._source.decoder()

    def arrived(self, events: Iterable[tuple[str, str, int | None]]) -> None:
        """Events that are complete now: their data, their id, and when the server says that it produced them."""
        arrival_ns = time.monotonic_ns()
        for data, event_id, emit_ns in events:
            text = self._content.chunk_text(data, event_id)
            if text is not None:
                self._seen.chunks.append(ChunkRow(None, text, arrival_ns, len(self._seen.reads), emit_ns))

        self._seen.error = self._content.error
        if self._content.stopped is not None:
            self.enough.cancel()

    def heard(self, last_event_id: str, retry_ms: int | None) -> None:
        """What a reader that comes back must know, by now."""
        if self._source is not None:
            self._source.heard(last_event_id, retry_ms)
            if self._content.done:  # what an application does: else it would be back for the end of a connection
                self._source.close()

    @property
    def satisfied(self) -> bool:
        """The reader has what it wanted, whatever becomes of the connection."""
        return self._source is not None and self._content.done

    def completion(self, *, clean: bool, pending: bool) -> Completion:
        """How it ended. `clean`: as HTTP announced it; `pending`: inside an event."""
        told_to_stop = self._source is not None and self._source.told_to_stop
        return conclude(self._seen, self._content, Ended(clean, pending, self._headers, self._beginning, told_to_stop))

    async def _pieces(self, stream: httpx.AsyncByteStream) -> AsyncIterator[bytes]:
        pieces = aiter(stream)
        spec = self._state.visit.spec
        while True:
            if spec.read_delay:
                await trio.sleep(spec.read_delay / 1e9)
            if spec.quickack != "default":  # the kernel changes it back as it sees fit, so before every read
                sockets.set_option(self._socket, sockets.QUICKACK, int(spec.quickack == "on"))
            data = await anext(pieces, None)
            if data is None:
                return
            self._seen.reads.append(ReadRow(None, len(data), None, time.monotonic_ns()))
            if not self._seen.chunks:
                self._beginning += data[: KEPT_BYTES - len(self._beginning)]
            yield data


class _Stamped(httpx.AsyncByteStream):
    """A response's body whose pieces are stamped on their way."""

    def __init__(
        self, stream: httpx.AsyncByteStream, pieces: Callable[[httpx.AsyncByteStream], AsyncIterator[bytes]]
    ) -> None:
        self._stream = stream
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces(self._stream)

    async def aclose(self) -> None:
        await self._stream.aclose()


def _read_back(sock: socket.socket, wanted: dict[sockets.Option, sockets.Value]) -> dict[str, tuple[object, object]]:
    texts = {option: isinstance(value, str) for option, value in wanted.items()}
    return {
        option.name: (wanted.get(option), sockets.get_option(sock, option, text=texts.get(option, False)))
        for option in {**wanted, sockets.RCVBUF: None}
    }


_Receive = Callable[[_Exchange, httpx.AsyncClient, dict[str, Any]], Awaitable[bool]]
"""Makes the request and feeds its response into the exchange; returns whether it ended inside an event."""


async def _receive_raw(exchange: _Exchange, client: httpx.AsyncClient, request: dict[str, Any]) -> bool:
    decoder, emitted = exchange.decoder(), EmitComments()
    async with client.stream(**request) as response:
        exchange.opened(response)
        async for data in response.aiter_bytes():
            events = decoder.feed(data)
            emitted.feed(data)
            exchange.arrived([(event.data, event.id, emitted.before(event.end)) for event in events])
            exchange.heard(decoder.last_event_id, decoder.retry_ms)
    return decoder.pending


async def _receive_sse(exchange: _Exchange, client: httpx.AsyncClient, request: dict[str, Any]) -> bool:
    async with httpx_sse.aconnect_sse(client, **request) as source:
        if not exchange.opened(source.response):  # else the package would complain that nothing has no type
            return False
        if not source.response.is_success:  # and here of the content type, not of the status
            async for _ in source.response.aiter_raw():
                pass
            return False
        async for event in source.aiter_sse():
            if event.data:  # the package also hands out blocks that have an id or a retry time alone
                exchange.arrived([(event.data, event.id, None)])
            exchange.heard(event.id, event.retry)
    return False


async def _exchange(
    state: _Run, client: httpx.AsyncClient, trace: _Trace, further: dict[str, str], source: EventSource | None
) -> Completion:
    """One request, with `further` header fields, and its whole response."""
    exchange = _Exchange(state, trace.seen, source)
    spec = state.visit.request
    request = {
        "method": spec.method,
        "url": state.visit.url,
        "headers": {**_HEADERS, **{name.lower(): value for name, value in spec.headers.items()}, **further},
        "content": spec.body.encode() or None,
        "extensions": {"trace": trace},
    }
    clean = pending = False
    with translated(state.visit.address), exchange.enough:
        try:
            pending = await state.receive(exchange, client, request)
            clean = True
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            if not exchange.satisfied and not cut_short(error):
                raise
    return exchange.completion(clean=clean, pending=pending)
