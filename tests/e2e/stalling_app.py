"""Somebody else's server that freezes once, wholly: `stalling_app.py HOST PORT`. It stalls at a request, not at an instant.

Every other answer is short and comes at once, so that whoever waits waited for the stall.
"""

import asyncio
import sys
import time

STALLS_AT_REQUEST = 10
STALL_S = 0.5

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_served = 0


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    global _served
    request = await reader.readuntil(b"\r\n\r\n")
    if b"/v1/chat/completions" in request:
        _served += 1
        if _served == STALLS_AT_REQUEST:
            time.sleep(STALL_S)
    writer.write(_HEAD + b"data: word\n\ndata: [DONE]\n\n")
    await writer.drain()
    writer.close()


async def _main(host: str, port: str) -> None:
    server = await asyncio.start_server(_answer, host, int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
