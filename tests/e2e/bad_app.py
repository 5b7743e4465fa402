"""Somebody else's server that answers as it should not: `bad_app.py HOST PORT CASE`. All but its chat route is well."""

import asyncio
import sys
from itertools import repeat

_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_OPENAI = b'data: {"object":"chat.completion.chunk","choices":[{"delta":{"content":"word "}}]}\n\n'
_ERROR = b'data: {"error": {"message": "GPU on fire"}}\n\n'


def _plain(status: bytes, kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (status, kind, len(body), body)


ANSWERS = {
    "well": [_STREAM, *[_OPENAI] * 3, b"data: [DONE]\n\n"],
    "refused": [_plain(b"401 Unauthorized", b"application/json", b'{"error": "no key"}')],
    "page": [_plain(b"200 OK", b"text/html", b"<h1>Log in</h1>")],
    "error": [_STREAM, _OPENAI, _ERROR],
    "json-cut": [_STREAM, _OPENAI, _OPENAI, _OPENAI[:40]],
    "endless": repeat(b"data: more\n\n" * 5000),
    "large": [_STREAM, b"data: " + b"x" * (64 << 20) + b"\n\n", b"data: [DONE]\n\n"],
}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readuntil(b"\r\n\r\n")
    chat = b"/v1/chat/completions" in request
    try:
        if chat and sys.argv[3] == "endless":
            writer.write(_STREAM)
        for part in ANSWERS[sys.argv[3]] if chat else [_plain(b"200 OK", b"text/plain", b"ok")]:
            writer.write(part)
            await writer.drain()
        writer.close()
    except ConnectionError:  # who reads an endless stream leaves in its middle
        pass


async def _main(host: str, port: str) -> None:
    server = await asyncio.start_server(_answer, host, int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:3]))
