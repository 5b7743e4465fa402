"""The raw client: plain sockets, one Trio task for each stream, one `recvmsg` for each readiness.

The rule: stamp first, understand later. Each read is stamped the moment `recvmsg` returns, with the kernel's own stamp of
the newest segment beside it; only then are its bytes decoded (`receiver.py`). Knobs of the receiver (buffer, window, quick
ACKs, read size and pace) are set explicitly and read back.
"""

import errno
import functools
import os
import socket
import sys
import time
from dataclasses import dataclass, field

import trio

from lab.clients.content import Content
from lab.clients.options import receiver_options
from lab.clients.pool import visit_all
from lab.clients.reader import ResponseWatcher
from lab.clients.receiver import SO_TIMESTAMPNS, Prepare, Receiver, receiving
from lab.clients.visit import Visit, authority
from lab.errors import ProtocolError
from lab.linux import sockets
from lab.model.client import ClientSpec
from lab.model.request import STREAM_LABEL
from lab.trace.records import ClientRecord, Completion, StreamSeen
from lab.wire.event_source import EventSource


@dataclass
class _Run:
    visit: Visit
    receiver: Receiver
    sockets: dict[str, tuple[object, object]] = field(default_factory=dict)
    connections: int = 0


async def run(visit: Visit) -> ClientRecord:
    """Do it."""
    async with receiving(visit.spec.read_size, _before_every_read(visit.spec)) as receiver:
        state = _Run(visit, receiver)
        seen = await visit_all(visit, functools.partial(_visit, state))
    return ClientRecord(seen, state.sockets)


async def _visit(state: _Run, seen: StreamSeen, source: EventSource | None) -> Completion:
    """One connection, `reuse` requests on it, of which the last is the measured one."""
    spec = state.visit.spec
    seen.connection = state.connections = state.connections + 1
    with socket.socket(socket.AF_INET6 if ":" in state.visit.address[0] else socket.AF_INET) as sock:
        try:
            await _connect(state, sock, seen)
            for seen.request in range(1, spec.reuse):
                earlier = StreamSeen(seen.stream, seen.due_ns, request=seen.request)
                await _prepare(state, sock, earlier)
                seen.connection_offset += sum(read.size_bytes for read in earlier.reads)
            seen.request = spec.reuse
            fields = {STREAM_LABEL: str(seen.stream), **(source.request_fields() if source else {})}
            return (await _exchange(state, sock, seen, fields, source)).completion()
        finally:
            trio.lowlevel.notify_closing(sock)


async def _prepare(state: _Run, sock: socket.socket, unmeasured: StreamSeen) -> None:
    """An earlier request of the connection, and the pause after it."""
    spec = state.visit.spec
    if not (await _exchange(state, sock, unmeasured, {}, None)).complete:
        raise ProtocolError(
            f"request {unmeasured.request} of {spec.reuse} on a connection: the server closed it: "
            "use client.reuse = 1, or a server that keeps connections alive"
        )
    await trio.sleep(spec.think / 1e9)


async def _connect(state: _Run, sock: socket.socket, seen: StreamSeen) -> None:
    sock.setblocking(False)
    settings = sockets.apply(sock, receiver_options(state.visit.spec, state.visit.delack_max_ns))
    if sys.platform == "linux":
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    seen.connect_ns = time.monotonic_ns()
    code = sock.connect_ex(state.visit.address)
    if code == errno.EINPROGRESS:
        await trio.lowlevel.wait_writable(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise ConnectionError(f"connecting to {authority(state.visit.address)}: {os.strerror(code)}")
    seen.connected_ns = time.monotonic_ns()
    seen.client_port, seen.server_port = sock.getsockname()[1], sock.getpeername()[1]
    settings.setdefault(sockets.RCVBUF.name, sockets.Setting(None, sockets.get_option(sock, sockets.RCVBUF)))
    state.sockets = {name: (setting.asked, setting.got) for name, setting in settings.items()}


async def _exchange(
    state: _Run, sock: socket.socket, seen: StreamSeen, further: dict[str, str], source: EventSource | None
) -> ResponseWatcher:
    """One request, with `further` header fields, and its whole response."""
    visit = state.visit
    content = Content.planned(visit.workload, chunks_known=visit.own_server)
    watcher = ResponseWatcher(seen, content, time.monotonic_ns, source)
    request = _request(visit, further)
    seen.request_ns = time.monotonic_ns()
    await _send(sock, request)
    await _receive(state.receiver, sock, visit.spec, watcher)
    return watcher


async def _receive(receiver: Receiver, sock: socket.socket, spec: ClientSpec, watcher: ResponseWatcher) -> None:
    """Until the response is complete or the connection has ended. A slow reader asks for each read by itself."""
    more = True
    while more and not watcher.over:
        if spec.read_delay:
            await trio.sleep(spec.read_delay / 1e9)
        more = await receiver.receive(sock, watcher.read, once=spec.read_delay > 0)


def _request(visit: Visit, further: dict[str, str]) -> bytes:
    spec, body = visit.request, visit.request.body.encode()
    fields = {"host": authority(visit.address), "accept": "text/event-stream"}
    fields |= {name.lower(): value for name, value in spec.headers.items()}
    if body:
        fields["content-length"] = str(len(body))
    fields |= further
    head = [f"{spec.method} {spec.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(head).encode() + body


async def _send(sock: socket.socket, data: bytes) -> None:
    """One `send` for every request that fits the socket's buffer, which all but the largest do."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)


def _before_every_read(spec: ClientSpec) -> Prepare | None:
    """Quick ACKs: the kernel changes them back as it sees fit."""
    if spec.quickack == "default":
        return None
    return functools.partial(sockets.set_option, option=sockets.QUICKACK, value=int(spec.quickack == "on"))
