"""Responses as a server would send them, written out by hand: the body's events, and how it is delimited."""

from lab.wire.openai import DONE, ChatStream

TEXTS = ["Wait", " for", " ☕", "."]
PLAIN = [f"data: {text}\n\n".encode() for text in TEXTS]
_chat = ChatStream("x", 1, "m")
OPENAI = [_chat.role(), *(_chat.content(text) for text in TEXTS), _chat.finish("stop"), DONE]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


def chunked(events: list[bytes], *, end: bool = True) -> bytes:
    """With transfer-coding, one of its frames for each event."""
    frames = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"".join(frames) + (b"0\r\n\r\n" if end else b"")


def sized(events: list[bytes]) -> bytes:
    """With its length announced."""
    body = b"".join(events)
    return HEAD + b"content-length: %d\r\n\r\n%s" % (len(body), body)


def until_close(events: list[bytes]) -> bytes:
    """Delimited by the end of the connection."""
    return HEAD + b"connection: close\r\n\r\n" + b"".join(events)
