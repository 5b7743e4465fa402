"""A streamed answer on its way: the pacer writes it, while this task watches whether the client is still there.

The rule: a client that closes or resets ends its stream at once, and a full socket holds up nobody else: a task of its own
waits until it is writable. It stands around `write`; what to say and when was decided before.
"""

import contextlib
import socket
import time

import trio

from lab.linux.sockets import Setting
from lab.model.server import ServerSpec
from lab.server import limits
from lab.server.channel import Channel
from lab.server.express import ExpressStream
from lab.server.mode import flush_policy, must_close_after, release_cork
from lab.server.record import StreamRecord
from lab.server.routes import Request, StreamReply
from lab.server.shared import Shared
from lab.server.stream import Stream
from lab.server.writer import Outlet, Writer
from lab.wire.framing import framing


async def deliver(
    shared: Shared, channel: Channel, request: Request, reply: StreamReply, settings: dict[str, Setting]
) -> None:
    """Send the response in its mode, which the socket is in already. Raises OSError when the connection fails."""
    spec = reply.server if channel.takes_chunked else _without_frames(reply.server)
    head = channel.start_stream(_headers(shared, reply, spec))
    record = _new_record(channel, request, reply, spec, settings) if shared.records is not None else None
    with trio.CancelScope() as watching:
        writer = _new_writer(shared, channel.sock, watching, record)
        stream = _new_stream(request, reply, spec, writer, record)
        try:
            shared.pacer.add(stream, stream.begin(head, early=spec.early_headers))
            await channel.watch()
        finally:
            stream.abandon()
            if record is not None and shared.records is not None:
                shared.records.append(record)
    if writer.failure is not None:
        raise writer.failure
    if spec.cork:
        release_cork(channel.sock)
    channel.finish_stream(writer.accepted_bytes, complete=writer.complete)


def _without_frames(spec: ServerSpec) -> ServerSpec:
    return spec.model_copy(update={"framing": "close", "writes_per_chunk": 1})


def _headers(shared: Shared, reply: StreamReply, spec: ServerSpec) -> list[tuple[str, str]]:
    headers = [*reply.headers, *spec.headers.items()]
    if spec.framing == "chunked":
        headers.append(("transfer-encoding", "chunked"))
    leaves_traces = must_close_after(spec, shared.site.server)
    if not spec.keepalive or spec.framing == "close" or leaves_traces or shared.draining:
        headers.append(("connection", "close"))
    return headers


def _new_record(
    channel: Channel, request: Request, reply: StreamReply, spec: ServerSpec, settings: dict[str, Setting]
) -> StreamRecord | None:
    if reply.stream is None:
        return None
    return StreamRecord(
        stream=reply.stream,
        client_port=channel.sock.getpeername()[1],
        server_port=channel.sock.getsockname()[1],
        connection_offset=channel.sent_bytes,
        head_ns=request.head_ns,
        frames=reply.frames,
        trailer_bytes=len(framing(spec.framing).wrap(b" ")[1]),
        sockets={name: (setting.asked, setting.got) for name, setting in settings.items()},
        first_place=reply.first_place,
    )


def _new_writer(shared: Shared, sock: socket.socket, watching: trio.CancelScope, record: StreamRecord | None) -> Writer:
    outlet = Outlet(
        send=sock.send,
        clock=time.monotonic_ns,
        on_blocked=lambda: shared.nursery.start_soon(_unblock, sock, writer),
        on_done=watching.cancel,
    )
    writer = Writer(outlet, record)
    return writer


def _new_stream(
    request: Request, reply: StreamReply, spec: ServerSpec, writer: Writer, record: StreamRecord | None
) -> Stream:
    frames, clock = framing(spec.framing), time.monotonic_ns
    if spec.flush.kind == "every" and spec.writes_per_chunk == 1:
        return ExpressStream(reply.frames, request.head_ns, frames, writer, clock, record)
    policy = flush_policy(spec.flush)
    return Stream(reply.frames, request.head_ns, policy, frames, spec.writes_per_chunk, writer, clock, record)


async def _unblock(sock: socket.socket, writer: Writer) -> None:
    """A full socket: wait for it, give it what waits, until nothing does."""
    with contextlib.suppress(trio.ClosedResourceError, OSError):
        with trio.move_on_after(limits.BLOCKED_S) as scope:
            while not writer.done:
                await trio.lowlevel.wait_writable(sock)
                scope.deadline = trio.current_time() + limits.BLOCKED_S
                if writer.drain():
                    return
        if scope.cancelled_caught:  # nothing was accepted for so long: end it, which the watching task sees
            sock.shutdown(socket.SHUT_RDWR)
