"""What the client asks: the request that every stream of a cell begins with."""

from pydantic import Field

from lab.model.base import Spec
from lab.model.headers import Headers

# The header field by which a client labels a stream, so that the server's record of it is found; unlabelled streams are
# not recorded. A label survives proxies, which ports do not.
STREAM_LABEL = "lab-stream"


class RequestSpec(Spec):
    """One HTTP request."""

    method: str = Field("GET", description="HTTP method", pattern=r"^[A-Z]{1,16}$")
    path: str = Field("/v1/chat/completions", description="target: path and query", pattern=r"^/[!-~]*$")
    headers: Headers = Field({}, description="further header fields")
    body: str = Field("", description="sent with its Content-Length")
