"""A hop between path and server: a reverse proxy of the user's, in the server's namespace."""

from pydantic import Field

from lab.model.base import Spec


class ProxySpec(Spec):
    """A command that listens on {host}:{port} and passes on to {upstream} (host:port)."""

    command: str = Field("", description="a reverse proxy: words with {host}, {port}, {upstream}; empty: none")
    ready: str = Field(
        "/healthz", description="path that answers, through the proxy, when it is up", pattern=r"^/[!-~]*$"
    )
    env: dict[str, str] = Field({}, description="further environment of the proxy")
