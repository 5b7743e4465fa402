"""The page's files as replies, with the headers that keep it to itself.

The rule: nothing on the page comes from elsewhere, nothing runs that is not one of these files, and no text of a stream can
become markup. Must not touch how a stream is sent: the page is a client like any other.
"""

from functools import cache
from importlib.resources import files

from lab.server.replies import Reply

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "typewriter.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "stream.js": "text/javascript; charset=utf-8",
    "sse.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

_HEADERS = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    # Isolated from other origins, the page's clock ticks in 5 µs; otherwise in 100 (High Resolution Time, section 7.1).
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
    # A stream that began on a connection which these files had used would meet a grown window and a receiver that delays
    # its ACKs: it would not be the stream that other clients measure.
    ("connection", "close"),
]


@cache
def page_file(name: str) -> Reply:
    """One of `TYPES`, from the installed package."""
    body = (files("lab.server.page") / name).read_bytes()
    return Reply(200, body, [("content-type", TYPES[name]), *_HEADERS])
