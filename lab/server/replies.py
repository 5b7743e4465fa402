"""Answers that are not streams: JSON documents, errors in OpenAI's shape, the empty answers of CORS and EventSource."""

import json
from dataclasses import dataclass, field

# Pages of other origins may read streams; nothing here is secret and no cookie is ever set.
CORS_HEADERS = [("access-control-allow-origin", "*")]
PREFLIGHT_HEADERS = [
    *CORS_HEADERS,
    ("access-control-allow-methods", "GET, HEAD, POST, OPTIONS"),
    # The wildcard does not stand for Authorization, which OpenAI's SDK sends (Fetch standard, section 4.10).
    ("access-control-allow-headers", "*, Authorization"),
    ("access-control-max-age", "86400"),
]


@dataclass(frozen=True)
class Reply:
    """A complete answer."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class BadRequest(Exception):
    """The request cannot be served; becomes a JSON answer with this status. Not raised for a failing connection."""

    def __init__(self, message: str, status: int = 400, headers: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or []

    def reply(self) -> Reply:
        """The answer, in the shape that OpenAI's clients show to their users."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": str(self), "type": kind, "param": None, "code": self.status}
        return json_reply({"error": error}, self.status, self.headers)


def json_reply(document: object, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Reply:
    """A JSON answer."""
    body = json.dumps(document).encode() + b"\n"
    return Reply(status, body, [("content-type", "application/json"), *CORS_HEADERS, *(headers or [])])
