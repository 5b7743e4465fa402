"""One accepted socket that speaks HTTP/1.1: whole requests come out, whole replies go in, h11 does the grammar.

Rules: head, body and waiting are bounded; what is not a request becomes a BadRequest with its status; a connection whose
request was left unread closes, lingering so that the answer arrives. Knows no routes, no streams and no pace.
"""

import contextlib
import socket
import time
from http import HTTPStatus

import h11
import trio

from lab.server import limits
from lab.server.replies import BadRequest, Reply
from lab.server.routes import Request

_RECV_BYTES = 65_536


class Channel:
    """Reads and answers one request after the other. `sent_bytes` counts everything that was sent on it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sent_bytes = 0
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.HEADER_BYTES)
        self._head_only = False

    @property
    def takes_chunked(self) -> bool:
        """Whether the client knows the transfer-coding: HTTP/1.0 does not (RFC 9112 section 6.1)."""
        return (self._http.their_http_version or b"1.0") >= b"1.1"

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: this one was read and answered in full, and nobody said close."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def request_begins(self) -> bool:
        """Wait for a request's first byte. False: the client has closed instead."""
        if self._http.trailing_data[0]:
            return True
        data = await self._recv()
        self._http.receive_data(data)
        return bool(data)

    async def read_request(self, number: int) -> Request:
        """The request that has begun. Raises BadRequest for what is none, or too large, or too slow."""
        with trio.move_on_after(limits.IDLE_S):
            try:
                return await self._read_request(number)
            except h11.RemoteProtocolError as error:
                too_large = error.error_status_hint == 431
                reason = _TOO_LARGE_HEAD if too_large else f"not an HTTP/1.1 request: {error}"
                raise BadRequest(reason, error.error_status_hint) from error
        raise BadRequest(f"the request was not complete after {limits.IDLE_S:g} s", 408)

    async def send_reply(self, reply: Reply, *, close: bool) -> None:
        """All of it. The connection closes also when the request was not read to its end."""
        headers = [*reply.headers]
        if reply.status != 204 and (reply.body or not self._head_only):
            headers.append(("content-length", str(len(reply.body))))
        if close or self._http.their_state in (h11.IDLE, h11.SEND_BODY, h11.ERROR):
            headers.append(("connection", "close"))
        reason = HTTPStatus(reply.status).phrase
        data = self._http.send(h11.Response(status_code=reply.status, headers=headers, reason=reason))
        if reply.body and not self._head_only:
            data += self._http.send(h11.Data(data=reply.body))
        await self._send(data + self._http.send(h11.EndOfMessage()))

    def start_stream(self, headers: list[tuple[str, str]]) -> bytes:
        """The head of a 200 whose body the caller sends and frames. Not sent yet.

        Written here because h11 adds a transfer-coding wherever there is no length, also to a body that ends by close.
        """
        self._http.send(h11.Response(status_code=200, headers=headers))
        lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def finish_stream(self, sent_bytes: int, *, complete: bool) -> None:
        """The caller has sent so much of it; an incomplete one leaves the connection unusable."""
        self.sent_bytes += sent_bytes
        if complete:  # h11 must know that the response has ended; the bytes that it gives for that are sent already
            self._http.send(h11.EndOfMessage())

    def next_request(self) -> None:
        """Begin anew on a `reusable` connection."""
        self._http.start_next_cycle()

    async def watch(self) -> None:
        """Until the client goes away (FIN; RST raises ConnectionError) or sends more than any next request may be.

        What it sends meanwhile is its next request: it is kept for when its turn comes.
        """
        early_bytes = 0
        while early_bytes <= limits.HEADER_BYTES + limits.BODY_BYTES:
            data = await self._recv()
            self._http.receive_data(data)
            if not data:
                return
            early_bytes += len(data)

    async def linger(self) -> None:
        """Let the answer arrive before the connection goes (RFC 9112 section 9.6)."""
        with contextlib.suppress(OSError), trio.move_on_after(limits.LINGER_S):
            self.sock.shutdown(socket.SHUT_WR)
            while await self._recv():
                pass

    async def _read_request(self, number: int) -> Request:
        head = await self._next_event()
        assert isinstance(head, h11.Request)  # `request_begins` saw its first byte
        head_ns = time.monotonic_ns()
        self._head_only = head.method == b"HEAD"
        if sum(len(name) + len(value) for name, value in head.headers) + len(head.target) > limits.HEADER_BYTES:
            raise BadRequest(_TOO_LARGE_HEAD, 431)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        body = await self._read_body(int(headers.get("content-length", "0")))
        return Request(head.method.decode(), head.target.decode("latin-1"), headers, body, head_ns, number)

    async def _read_body(self, announced_bytes: int) -> bytes:
        body = bytearray()
        if announced_bytes <= limits.BODY_BYTES and self._http.they_are_waiting_for_100_continue:
            await self._send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        while max(announced_bytes, len(body)) <= limits.BODY_BYTES:
            event = await self._next_event()
            if not isinstance(event, h11.Data):
                return bytes(body)
            body += event.data
        raise BadRequest(f"the body is larger than {limits.BODY_BYTES} bytes", 413)

    async def _next_event(self) -> h11.Event:
        while not isinstance(event := self._http.next_event(), h11.Event):
            self._http.receive_data(await self._recv())
        return event

    async def _recv(self) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self.sock)
            with contextlib.suppress(BlockingIOError):
                return self.sock.recv(_RECV_BYTES)

    async def _send(self, data: bytes) -> None:
        """All of it, waiting where the socket is full: for replies, not for streams. Raises TooSlowError."""
        self.sent_bytes += len(data)
        view = memoryview(data)
        with trio.fail_after(limits.BLOCKED_S):
            while view:
                try:
                    view = view[self.sock.send(view) :]
                except BlockingIOError:
                    await trio.lowlevel.wait_writable(self.sock)


_TOO_LARGE_HEAD = f"the request's head is larger than {limits.HEADER_BYTES} bytes"
