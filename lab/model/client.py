"""The client: how many streams, when they start, and how the reader reads."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from lab.model.base import Spec
from lab.model.units import Duration, Size, format_duration, parse_duration


class ArrivalSpec(Spec):
    """When requests are due: all together, one every `spacing_ns`, or a Poisson process of `rate_per_s`."""

    kind: Literal["together", "staggered", "poisson"] = "together"
    spacing_ns: int = 0
    rate_per_s: float = 0.0

    @property
    def open_loop(self) -> bool:
        """Requests are due by the clock, whatever the server does; waiting then counts against it."""
        return self.kind != "together"


def parse_arrivals(value: object) -> ArrivalSpec:
    """`together`, `staggered:50ms` or `poisson:20/s`."""
    if isinstance(value, ArrivalSpec):
        return value
    kind, _, amount = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "together" and not amount:
        return ArrivalSpec()
    if kind == "staggered" and (spacing_ns := parse_duration(amount)) > 0:
        return ArrivalSpec(kind="staggered", spacing_ns=spacing_ns)
    if kind == "poisson" and amount.endswith("/s"):
        try:
            rate_per_s = float(amount.removesuffix("/s"))
        except ValueError:
            rate_per_s = 0.0
        if 0 < rate_per_s < float("inf"):
            return ArrivalSpec(kind="poisson", rate_per_s=rate_per_s)
    raise ValueError(f"{value!r} is no arrival process: together, staggered:50ms or poisson:20/s")


def format_arrivals(spec: ArrivalSpec) -> str:
    """The inverse of `parse_arrivals`."""
    if spec.kind == "staggered":
        return f"staggered:{format_duration(spec.spacing_ns)}"
    return f"poisson:{repr(spec.rate_per_s).removesuffix('.0')}/s" if spec.kind == "poisson" else "together"


Arrivals = Annotated[ArrivalSpec, BeforeValidator(parse_arrivals), PlainSerializer(format_arrivals)]


# What only a client with sockets of its own can be told.
_SOCKET_KEYS = ("rcvbuf", "window_clamp", "quickack", "read_size", "read_delay", "reuse", "think")
# What a kind of client decides itself: a browser everything about its sockets, httpx how much it asks of each `recv`.
_NOT_TOLD: dict[str, tuple[str, ...]] = {
    "httpx": ("read_size",),
    "httpx-sse": ("read_size",),
    "browser": (*_SOCKET_KEYS, "reconnect"),
    "browser-eventsource": (*_SOCKET_KEYS, "reconnect"),
}
# Where it is more than the program's own taste.
_WHY_NOT = {
    ("browser", "reconnect"): "reads with fetch, which never comes back",
    ("browser-eventsource", "reconnect"): "always comes back by itself",
}


class ClientSpec(Spec):
    """One client process."""

    kind: Literal["raw", "httpx", "httpx-sse", "locust", "browser", "browser-eventsource"] = Field(
        "raw", description="the client program"
    )
    streams: int = Field(1, ge=1, le=10_000, description="streams open at once")
    requests: int | None = Field(None, ge=1, le=1_000_000, description="measured requests in all; unset: = streams")
    arrivals: Arrivals = Field(ArrivalSpec(), description="together | staggered:50ms | poisson:20/s")
    rcvbuf: Size | None = Field(None, description="SO_RCVBUF (the kernel doubles it); unset: the kernel tunes it")
    window_clamp: Size | None = Field(None, description="TCP_WINDOW_CLAMP; unset: none")
    quickack: Literal["default", "on", "off"] = Field("default", description="TCP_QUICKACK, set before every recv")
    read_size: Size = Field(64 * 1024, description="bytes asked of each recv")
    read_delay: Duration = Field(0, description="pause before each read")
    reuse: int = Field(1, ge=1, le=1000, description="the measured request is the n-th of its connection")
    think: Duration = Field(0, description="pause between the requests of one connection")
    reconnect: bool = Field(False, description="come back after a lost connection, as an EventSource does")

    @property
    def comes_back(self) -> bool:
        """A stream may take several requests."""
        return self.reconnect or self.kind == "browser-eventsource"

    @property
    def request_count(self) -> int:
        """Measured requests in all."""
        return self.requests if self.requests is not None else self.streams

    @model_validator(mode="after")
    def _enough_requests(self) -> "ClientSpec":
        if self.requests is not None and self.requests < self.streams:
            raise ValueError(f"requests = {self.requests} leaves some of the {self.streams} streams without work")
        return self

    @model_validator(mode="after")
    def _coming_back_is_a_connection_of_its_own(self) -> "ClientSpec":
        if self.reconnect and self.reuse > 1:
            raise ValueError(
                f"reconnect: an EventSource that comes back does not make {self.reuse} requests: use reuse = 1"
            )
        return self

    @model_validator(mode="after")
    def _only_what_it_can_be_told(self) -> "ClientSpec":
        for name in _NOT_TOLD.get(self.kind, ()):
            if getattr(self, name) != ClientSpec.model_fields[name].default:
                why = _WHY_NOT.get((self.kind, name), "decides this itself")
                raise ValueError(f'{name}: kind = "{self.kind}" {why}: leave it out, or use "raw"')
        return self
