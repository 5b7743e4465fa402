"""One connection's life: wait for a request, have it answered, and again, until either side has had enough.

Rules: every request gets an answer, also one that cannot be served; a peer that fails ends its own connection and nothing
else. Does no HTTP grammar, no formatting and no pacing.
"""

import contextlib
import socket

import trio

from lab.errors import LabError
from lab.server import limits
from lab.server.channel import Channel
from lab.server.delivery import deliver
from lab.server.mode import apply_mode
from lab.server.replies import BadRequest, Reply
from lab.server.routes import Answer, Later, Request
from lab.server.shared import Shared

# What a peer can do to its connection, in whatever way the kernel names it: nobody is left to be told.
_GONE = (OSError, trio.TooSlowError)


async def serve(shared: Shared, sock: socket.socket) -> None:
    """Until the client goes, says close, is idle for too long, or the server drains."""
    channel = Channel(sock)
    with contextlib.suppress(*_GONE):
        while await _request_begins(shared, channel):
            with shared.working():
                await _answer_one(shared, channel)
                if shared.draining or not channel.reusable:
                    await channel.linger()
                    return
            channel.next_request()
            await trio.lowlevel.checkpoint()  # a peer that pipelines must not keep the others waiting


async def turn_away(sock: socket.socket) -> None:
    """There are too many connections already: say so, whatever is asked."""
    channel = Channel(sock)
    busy = BadRequest(f"{limits.CONNECTIONS} connections are open already: try again later", 503)
    with contextlib.suppress(*_GONE):
        await channel.send_reply(busy.reply(), close=True)
        await channel.linger()


async def _request_begins(shared: Shared, channel: Channel) -> bool:
    with shared.idle(limits.IDLE_S):
        return await channel.request_begins()
    return False


async def _answer_one(shared: Shared, channel: Channel) -> None:
    try:
        number, shared.requests = shared.requests, shared.requests + 1
        request = await channel.read_request(number)
        await _answer(shared, channel, request)
    except BadRequest as error:
        await channel.send_reply(error.reply(), close=shared.draining)


async def _answer(shared: Shared, channel: Channel, request: Request) -> None:
    answer = await _made(shared.site.answer(request))
    if not isinstance(answer, Reply) and request.method == "HEAD":
        answer = Reply(200, headers=answer.headers)
    if isinstance(answer, Reply):
        await channel.send_reply(answer, close=shared.draining)
        return
    try:
        settings = apply_mode(channel.sock, answer.server)
    except LabError as error:
        raise BadRequest(str(error)) from error
    await deliver(shared, channel, request, answer, settings)


async def _made(answer: Answer | Later) -> Answer:
    """A large one is made in a thread, because streams that are running cannot wait for it."""
    if isinstance(answer, Later):
        return await trio.to_thread.run_sync(answer.make, abandon_on_cancel=True)
    return answer
