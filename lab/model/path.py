"""The network between server and client, as asked for: one `LinkSpec` per direction and the backend that is to apply it.

Says nothing about how: `lab.path` applies it or refuses. "up" is client to server, "down" is server to client.
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, field_serializer, model_validator

from lab.model.base import Spec
from lab.model.presets import PRESETS
from lab.model.units import (
    NS_PER_S,
    Duration,
    Rate,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


class QueueLimit(Spec):
    """The bottleneck's droptail limit: exactly one of packets, bytes, or the time the link needs to send a full queue."""

    packets: int | None = None
    bytes: int | None = None
    duration_ns: int | None = None

    def in_bytes(self, rate_bps: int) -> int | None:
        """The limit in bytes at `rate_bps`, or None when it counts packets."""
        if self.duration_ns is not None:
            return math.ceil(self.duration_ns * rate_bps / (8 * NS_PER_S))
        return self.bytes


def parse_queue(value: object) -> QueueLimit:
    """`"200p"`, `"64KiB"` or `"50ms"`."""
    if isinstance(value, QueueLimit):
        return value
    if isinstance(value, str):
        limit = _packets(value) or _parsed(parse_size, "bytes", value) or _parsed(parse_duration, "duration_ns", value)
        if limit is not None:
            return limit
    raise ValueError(
        f"{value!r} is no queue limit: write packets ('200p'), bytes ('64KiB') or time ('50ms'), above zero"
    )


def _packets(text: str) -> QueueLimit | None:
    return QueueLimit(packets=int(text[:-1])) if re.fullmatch(r"[1-9]\d*p", text) else None


def _parsed(parse: Callable[[object], int], field: str, text: str) -> QueueLimit | None:
    """The limit in this unit, or None when the text is of another unit or zero."""
    try:
        amount = parse(text)
    except ValueError:
        return None
    return QueueLimit.model_validate({field: amount}) if amount else None


def format_queue(limit: QueueLimit) -> str:
    """The inverse of `parse_queue`."""
    if limit.packets is not None:
        return f"{limit.packets}p"
    return format_size(limit.bytes) if limit.bytes is not None else format_duration(limit.duration_ns or 0)


class BernoulliLoss(Spec):
    """Each packet is lost with the same probability, independently."""

    model: Literal["bernoulli"] = "bernoulli"
    probability: float = Field(ge=0, le=1)


class DropList(Spec):
    """Exactly these packets are lost: data-carrying packets of this direction and connection, counted from 1."""

    model: Literal["drop-list"] = "drop-list"
    packets: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, strict=False)  # TOML has lists only


def parse_loss(value: object) -> object:
    """`"2%"` → Bernoulli; a table is of the model that it names, else of the one whose key it has."""
    if isinstance(value, str):
        number = value.removesuffix("%")
        try:
            percent = float(number) if value.endswith("%") else math.nan
        except ValueError:
            percent = math.nan
        if not 0 <= percent <= 100:
            raise ValueError(f"{value!r} is no loss: write '2%' (0 to 100), or a table with model = 'drop-list'")
        return BernoulliLoss(probability=percent / 100)
    if isinstance(value, dict):
        model = value.get("model", "drop-list" if "packets" in value else "bernoulli")
        if model not in ("bernoulli", "drop-list"):
            raise ValueError(f"model = {model!r}: one of 'bernoulli', 'drop-list'")
        return {**value, "model": model}
    if isinstance(value, BernoulliLoss | DropList):
        return value
    raise ValueError(f"{value!r} is no loss: write '2%', or a table with model = 'drop-list'")


Queue = Annotated[QueueLimit, BeforeValidator(parse_queue), PlainSerializer(format_queue)]
Loss = Annotated[BernoulliLoss | DropList, Field(discriminator="model"), BeforeValidator(parse_loss)]


class LinkSpec(Spec):
    """One direction of the path."""

    delay: Duration = Field(0, description="one-way propagation delay (RTT = up + down)")
    jitter: Duration = Field(0, description="standard deviation of the delay; order is kept")
    loss: Loss | None = Field(None, description="'2%' (Bernoulli) or { model = 'drop-list', packets = [40] }")
    rate: Rate | None = Field(None, description="bottleneck rate, counted in IP bytes")
    queue: Queue | None = Field(None, description="droptail limit: '200p', '64KiB' or '50ms'; with a rate, 1000p")

    @model_validator(mode="after")
    def _queue_needs_rate(self) -> "LinkSpec":
        if self.queue is not None and self.rate is None:
            raise ValueError("a queue without a rate never fills: give `rate` too, or leave `queue` out")
        return self

    @property
    def emulates(self) -> bool:
        """Whether anything at all is asked of the network."""
        return bool(self.delay or self.jitter or self.loss or self.rate)


LINK_KEYS = tuple(LinkSpec.model_fields)
"""What may be said of one direction, or of both at once."""


class PathSpec(Spec):
    """The path of a cell. In a scenario it may be written flat: link keys at the top count for both directions."""

    shorthands: ClassVar[tuple[str, ...]] = LINK_KEYS

    backend: Literal["auto", "tun", "loopback"] = Field("auto", description="what applies it; auto takes the best here")
    preset: str = Field("loopback", description=f"a named path to start from: {', '.join(PRESETS)}")
    up: LinkSpec = LinkSpec()
    down: LinkSpec = LinkSpec()

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, value: Any) -> Any:
        """`"lan"`, or preset < both directions < one direction, becomes two complete links."""
        if isinstance(value, str):
            value = {"preset": value}
        if not isinstance(value, dict):
            return value
        value = dict(value)
        preset = value.get("preset", "loopback")
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ValueError(f"preset = {preset!r}: one of {', '.join(PRESETS)}")
        both = {key: value.pop(key) for key in LINK_KEYS if key in value}
        for side in ("up", "down"):
            own = value.get(side, {})
            if isinstance(own, dict):
                value[side] = {**PRESETS[preset].get(side, {}), **both, **own}
        return value

    @property
    def emulates(self) -> bool:
        """Whether either direction asks anything of the network."""
        return self.up.emulates or self.down.emulates

    @property
    def rtt_ns(self) -> int:
        """Propagation delay there and back, without queueing and jitter."""
        return self.up.delay + self.down.delay

    @field_serializer("up", "down", mode="wrap")
    def _links(self, link: LinkSpec, handler: Any) -> Any:
        return {key: value for key, value in handler(link).items() if value is not None}

    @model_validator(mode="after")
    def _loopback_is_bare(self) -> "PathSpec":
        if self.backend == "loopback" and self.emulates:
            raise ValueError("backend = 'loopback' applies no delay, jitter, loss or rate: use 'tun' or 'auto'")
        return self
