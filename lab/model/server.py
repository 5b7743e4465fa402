"""The server's switches: what lies between the application's `write()` and the wire. One `ServerSpec` is one mode."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from lab.model.base import Spec
from lab.model.headers import Headers
from lab.model.units import NS_PER_MS, Duration, Size, format_duration, format_size, parse_duration, parse_size


class FlushSpec(Spec):
    """A parsed flush policy: `kind` and, for bytes and interval, how much."""

    kind: Literal["every", "bytes", "interval", "end"] = "every"
    size_bytes: int = 0
    interval_ns: int = 0


# "none" is what a program gets that never flushes: the 4 KiB buffer of stdio and of Go's net/http connection writer.
APPLICATION_BUFFER_BYTES = 4096


def parse_flush(value: object) -> FlushSpec:
    """`every`, `none`, `bytes:N`, `interval:T` or `end`."""
    if isinstance(value, FlushSpec):
        return value
    if isinstance(value, str):
        kind, colon, amount = value.partition(":")
        if value in ("every", "end"):
            return FlushSpec(kind="every" if value == "every" else "end")
        if value == "none":
            return FlushSpec(kind="bytes", size_bytes=APPLICATION_BUFFER_BYTES)
        if kind == "bytes" and colon:
            size_bytes = int(amount) if amount.isdecimal() else parse_size(amount)
            if size_bytes > 0:
                return FlushSpec(kind="bytes", size_bytes=size_bytes)
        if kind == "interval" and colon and (interval_ns := parse_duration(amount)) > 0:
            return FlushSpec(kind="interval", interval_ns=interval_ns)
    raise ValueError(f"{value!r} is no flush policy: every, none, bytes:N, interval:T (as in 'interval:100ms') or end")


def format_flush(spec: FlushSpec) -> str:
    """The inverse of `parse_flush` (bytes:4096 is written `none`, which is what it means)."""
    if spec.kind == "bytes":
        return "none" if spec.size_bytes == APPLICATION_BUFFER_BYTES else f"bytes:{format_size(spec.size_bytes)}"
    return f"interval:{format_duration(spec.interval_ns)}" if spec.kind == "interval" else spec.kind


Flush = Annotated[FlushSpec, BeforeValidator(parse_flush), PlainSerializer(format_flush)]


# What TCP_MAXSEG takes (net/ipv4/tcp.c: TCP_MIN_MSS and MAX_TCP_WINDOW).
_SMALLEST_MSS, _LARGEST_MSS = 88, 32_767

# Keys of a command, and with `url` all that describe somebody else's server; all others are the mode of the lab's own.
_COMMAND_KEYS = frozenset({"command", "ready", "env", "cwd"})
FOREIGN_KEYS = _COMMAND_KEYS | {"url"}


def _origin(url: str) -> str:
    """An http origin, or nothing."""
    if not url:
        return url
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "http" and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            f"{url!r} is no server that a matrix can ask: write http://host:port; for https there are lab probe and lab load"
        )
    if parts.path not in ("", "/") or parts.query or parts.username is not None:
        raise ValueError(f"{url!r}: only http://host:port; the rest of a URL stands in request.path")
    return url


class ServerSpec(Spec):
    """The lab's own server, with every switch set on every socket and read back; or somebody else's."""

    flush: Flush = Field(FlushSpec(), description="every | none (4 KiB buffer) | bytes:N | interval:T | end")
    early_headers: bool = Field(True, description="send the response head at once; false: with the first flush")
    nodelay: bool = Field(True, description="TCP_NODELAY; false leaves Nagle's algorithm on")
    cork: bool = Field(False, description="TCP_CORK, held for the whole response")
    writes_per_chunk: Literal[1, 3] = Field(1, description="3 sends frame header, body and CRLF as separate writes")
    framing: Literal["chunked", "close"] = Field("chunked", description="transfer-coding, or the end of connection")
    sndbuf: Size | None = Field(None, description="SO_SNDBUF (the kernel doubles it); unset: the kernel tunes it")
    notsent_lowat: Size | None = Field(None, description="TCP_NOTSENT_LOWAT; unset: no limit")
    mss: int | None = Field(
        None,
        ge=_SMALLEST_MSS,
        le=_LARGEST_MSS,
        description="TCP_MAXSEG, bytes of a segment; unset: what the MTU leaves",
    )
    congestion: str = Field("cubic", description="TCP_CONGESTION, per socket", pattern=r"^[a-z0-9_]{1,15}$")
    keepalive: bool = Field(True, description="HTTP keep-alive; false answers Connection: close")
    headers: Headers = Field({}, description="further header fields of a streamed response")
    resume: Literal["replay", "restart", "live"] = Field(
        "replay",
        description="/events, when a reader comes back: what it missed | all again, no ids | what is still to come",
    )
    retry: Duration = Field(1000 * NS_PER_MS, description="/events: how long a reader is to wait before it comes back")
    command: str = Field("", description="somebody else's server: words with {host} and {port}; empty: the lab's own")
    ready: str = Field("/", description="command: path that answers when it is up", pattern=r"^/[!-~]*$")
    env: dict[str, str] = Field({}, description="command: further environment")
    cwd: str = Field("", description="command: working directory; empty: this one")
    url: Annotated[str, AfterValidator(_origin)] = Field(
        "", description="somebody else's server that runs already: http://host:port; no path of the lab leads there"
    )

    @property
    def own(self) -> bool:
        """Whether it is the lab's."""
        return not self.command and not self.url

    @model_validator(mode="after")
    def _one_server(self) -> "ServerSpec":
        fields = type(self).model_fields
        changed = {name for name, field in fields.items() if getattr(self, name) != field.default}
        if self.command and self.url:
            raise ValueError("command and url: a server is started or runs already: leave one of them out")
        if not self.own and (misplaced := sorted(changed - FOREIGN_KEYS)):
            raise ValueError(f"{', '.join(misplaced)}: switches of the lab's own server, which somebody else's has not")
        if not self.command and (misplaced := sorted(changed & _COMMAND_KEYS)):
            raise ValueError(f"{', '.join(misplaced)}: only with server.command")
        if self.command and "{port}" not in self.command:
            raise ValueError(f"command = {self.command!r}: it must listen on the port that {{port}} stands for")
        return self

    @model_validator(mode="after")
    def _retry_is_said_in_ms(self) -> "ServerSpec":
        if self.retry % NS_PER_MS:
            raise ValueError(f"retry = {format_duration(self.retry)}: a stream can say whole milliseconds only")
        return self

    @model_validator(mode="after")
    def _three_writes_need_frames(self) -> "ServerSpec":
        if self.writes_per_chunk == 3 and self.framing == "close":
            raise ValueError("writes_per_chunk = 3 needs framing = 'chunked': without a frame there is only a body")
        return self
