"""One connection: requests in by h11, replies out, streams handed to the pacer until they are done or the client is gone.

Rules: bounded in header, body and idle time; a client that closes or resets stops its stream at once; after an error that
leaves the request unread the connection closes, lingering so that the answer arrives. Does no pacing and no formatting.
"""

import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import h11
import trio

from lab.errors import LabError
from lab.linux.sockets import Setting
from lab.server import limits
from lab.server.mode import apply_mode, flush_policy, must_close_after, release_cork
from lab.server.pacer import Pacer
from lab.server.record import StreamRecord
from lab.server.replies import BadRequest, Reply
from lab.server.routes import Request, Site, StreamReply
from lab.server.stream import Outlet, Stream
from lab.wire.framing import framing

_RECV_BYTES = 65_536


@dataclass
class Shared:
    """What all connections of one server have in common."""

    site: Site
    pacer: Pacer
    nursery: trio.Nursery
    records: list[StreamRecord] | None = None
    requests: int = 0
    connections: int = 0
    streaming: int = 0
    draining: bool = False


class Connection:
    """Owns the socket from accept to close."""

    def __init__(self, shared: Shared, sock: socket.socket) -> None:
        self._shared = shared
        self._sock = sock
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.HEADER_BYTES)
        self._sent_bytes = 0

    async def serve(self) -> None:
        """Requests until either side has had enough."""
        with contextlib.suppress(ConnectionError, trio.TooSlowError):
            while await self._serve_one():
                self._http.start_next_cycle()

    async def turn_away(self) -> None:
        """There are too many connections already."""
        busy = BadRequest(f"{limits.CONNECTIONS} connections are open already: try again later", 503)
        with contextlib.suppress(ConnectionError, trio.TooSlowError):
            await self._send(
                b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n" + busy.reply(close=True).body
            )
            await self._linger()

    async def _serve_one(self) -> bool:
        """Read one request and answer it; whether another may follow."""
        try:
            request = await self._read_request()
            if request is None:
                return False
            answer = self._shared.site.answer(request)
        except BadRequest as error:
            answer = error.reply(close=self._http.their_state is not h11.DONE)
        except h11.RemoteProtocolError as error:
            await self._refuse(error)
            return False
        if isinstance(answer, StreamReply):
            assert request is not None
            await self._send_stream(request, answer)
        else:
            await self._send_reply(answer)
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            await self._linger()
            return False
        return not self._shared.draining

    async def _read_request(self) -> Request | None:
        """A complete request, or None when the client went away between two."""
        with trio.move_on_after(limits.IDLE_S):
            head = await self._next_event()
            if not isinstance(head, h11.Request):
                return None
            head_ns = time.monotonic_ns()
            if (b"expect", b"100-continue") in list(head.headers):
                await self._send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            body = b"".join([part async for part in self._body()])
            number = self._shared.requests
            self._shared.requests += 1
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode("latin-1"), headers, body, head_ns, number)
        return None

    async def _body(self) -> AsyncIterator[bytes]:
        left = limits.BODY_BYTES
        while isinstance(event := await self._next_event(), h11.Data):
            left -= len(event.data)
            if left < 0:
                raise BadRequest(f"the body is larger than {limits.BODY_BYTES} bytes", 413)
            yield bytes(event.data)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while not isinstance(event := self._http.next_event(), h11.Event):
            if event is h11.PAUSED:
                return event
            self._http.receive_data(await self._recv())
        return event

    async def _recv(self) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            with contextlib.suppress(BlockingIOError):
                return self._sock.recv(_RECV_BYTES)

    async def _send(self, data: bytes) -> None:
        """All of it, waiting where the socket is full: for replies, not for streams."""
        self._sent_bytes += len(data)
        view = memoryview(data)
        with trio.fail_after(limits.BLOCKED_S):
            while view:
                try:
                    view = view[self._sock.send(view) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self._sock)

    async def _send_reply(self, reply: Reply) -> None:
        headers = [*reply.headers, ("content-length", str(len(reply.body)))] if reply.status != 204 else reply.headers
        if reply.close or self._shared.draining:
            headers = [*headers, ("connection", "close")]
        head = self._http.send(h11.Response(status_code=reply.status, headers=headers)) or b""
        body = self._http.send(h11.Data(data=reply.body)) or b"" if reply.body else b""
        end = self._http.send(h11.EndOfMessage()) or b""
        await self._send(head + body + end)

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """What came is not HTTP, or too much of it."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            reason = "the request's head is too large" if error.error_status_hint == 431 else f"not HTTP/1.1: {error}"
            await self._send_reply(BadRequest(reason, error.error_status_hint).reply(close=True))
            await self._linger()

    async def _linger(self) -> None:
        """Let the answer arrive before the connection goes: RFC 9112 §9.6."""
        with contextlib.suppress(OSError), trio.move_on_after(limits.LINGER_S):
            self._sock.shutdown(socket.SHUT_WR)
            while await self._recv():
                pass

    async def _send_stream(self, request: Request, reply: StreamReply) -> None:
        """The pacer writes; this task watches whether the client is still there."""
        try:
            settings = apply_mode(self._sock, reply.server)
        except LabError as error:
            await self._send_reply(BadRequest(str(error)).reply(close=False))
            return
        head = self._stream_head(reply)
        record = self._new_record(request, reply, settings)
        with trio.CancelScope() as watching:
            stream = self._new_stream(request, reply, record, watching.cancel)
            self._shared.streaming += 1
            try:
                self._shared.pacer.add(stream, stream.begin(head, early=reply.server.early_headers))
                await self._watch()
            finally:
                self._shared.streaming -= 1
                stream.abandon()
                if record is not None and self._shared.records is not None:
                    self._shared.records.append(record)
        if stream.failure is not None:
            raise ConnectionError from stream.failure
        if reply.server.cork:
            release_cork(self._sock)
        self._sent_bytes += stream.accepted_bytes
        if stream.complete:  # h11 must know that the response has ended; the bytes it would send are sent already
            self._http.send(h11.EndOfMessage())

    def _stream_head(self, reply: StreamReply) -> bytes:
        headers = list(reply.headers)
        if reply.server.framing == "chunked":
            headers.append(("transfer-encoding", "chunked"))
        spec, default = reply.server, self._shared.site.server
        if not spec.keepalive or spec.framing == "close" or must_close_after(spec, default) or self._shared.draining:
            headers.append(("connection", "close"))
        return self._http.send(h11.Response(status_code=200, headers=headers)) or b""

    def _new_record(
        self, request: Request, reply: StreamReply, settings: dict[str, Setting]
    ) -> StreamRecord | None:
        if reply.stream is None or self._shared.records is None:
            return None
        return StreamRecord(
            stream=reply.stream,
            client_port=self._sock.getpeername()[1],
            server_port=self._sock.getsockname()[1],
            connection_offset=self._sent_bytes,
            head_ns=request.head_ns,
            frames=reply.frames,
            trailer_bytes=len(framing(reply.server.framing).wrap(b" ")[1]),
            sockets={name: (setting.asked, setting.got) for name, setting in settings.items()},
        )

    def _new_stream(
        self, request: Request, reply: StreamReply, record: StreamRecord | None, on_done: Callable[[], None]
    ) -> Stream:
        outlet = Outlet(
            send=self._sock.send,
            clock=time.monotonic_ns,
            on_blocked=lambda: self._shared.nursery.start_soon(self._drain, stream),
            on_done=on_done,
        )
        policy, body_framing = flush_policy(reply.server.flush), framing(reply.server.framing)
        writes = reply.server.writes_per_chunk
        stream = Stream(reply.frames, request.head_ns, policy, body_framing, writes, outlet, record)
        return stream

    async def _watch(self) -> None:
        """Until the client goes away (FIN, RST). What it sends meanwhile is its next request: h11 keeps it."""
        while True:
            await trio.lowlevel.wait_readable(self._sock)
            with contextlib.suppress(BlockingIOError):
                data = self._sock.recv(_RECV_BYTES)
                self._http.receive_data(data)
                if not data or len(self._http.trailing_data[0]) > limits.HEADER_BYTES + limits.BODY_BYTES:
                    return

    async def _drain(self, stream: Stream) -> None:
        """A full socket: wait for it, give it what waits, until nothing does."""
        with contextlib.suppress(trio.ClosedResourceError, OSError):
            with trio.move_on_after(limits.BLOCKED_S) as scope:
                while not stream.done:
                    await trio.lowlevel.wait_writable(self._sock)
                    scope.deadline = trio.current_time() + limits.BLOCKED_S
                    if stream.drain():
                        return
            if scope.cancelled_caught:  # nothing was accepted for so long: end it, which the watching task sees
                self._sock.shutdown(socket.SHUT_RDWR)
