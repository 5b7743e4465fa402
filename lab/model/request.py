"""What the client asks: the request that every stream of a cell begins with."""

from pydantic import Field, field_validator

from lab.model.base import Spec

# The header field by which a client labels a stream, so that the server's record of it is found; unlabelled streams are
# not recorded. A label survives proxies, which ports do not.
STREAM_LABEL = "lab-stream"


class RequestSpec(Spec):
    """One HTTP request."""

    method: str = Field("GET", description="HTTP method", pattern=r"^[A-Z]{1,16}$")
    path: str = Field("/v1/chat/completions", description="target: path and query", pattern=r"^/[!-~]*$")
    headers: dict[str, str] = Field({}, description="further header fields")
    body: str = Field("", description="sent with its Content-Length")

    @field_validator("headers")
    @classmethod
    def _one_line_each(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not name.isascii() or not name.strip() or any(mark in name + value for mark in "\r\n\0") or ":" in name:
                raise ValueError(f"{name!r}: {value!r} is no header field: one line, a name without ':', a value")
        return headers
