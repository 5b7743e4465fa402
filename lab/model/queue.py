"""What waits before the bottleneck: a droptail queue with a limit, or one whose delay CoDel keeps down."""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, PlainSerializer, Tag, model_validator

from lab.model.base import Model, Spec, with_model
from lab.model.units import (
    NS_PER_MS,
    NS_PER_S,
    PositiveDuration,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)

DEFAULT_QUEUE_PACKETS = 1000
"""The limit where none is given: netem's own default (`limit 1000` in tc-netem(8)), and CoDel's (tc-codel(8))."""


class QueueLimit(Spec):
    """The bottleneck's droptail limit: exactly one of packets, bytes, or the time the link needs to send a full queue."""

    forms: ClassVar[tuple[str, ...]] = (
        "'200p'",
        "'64KiB'",
        "'50ms'",
    )

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


class CoDelQueue(Model):
    """CoDel of RFC 8289: once every packet of an `interval` has waited for `target` or longer, it drops from the head."""

    forms: ClassVar[tuple[str, ...]] = ("{ model = 'codel', target = '5ms', interval = '100ms', limit = '1000p' }",)

    model: Literal["codel"] = "codel"
    target: PositiveDuration = 5 * NS_PER_MS
    interval: PositiveDuration = 100 * NS_PER_MS
    limit: Annotated[QueueLimit, BeforeValidator(parse_queue), PlainSerializer(format_queue)] = QueueLimit(
        packets=DEFAULT_QUEUE_PACKETS
    )

    @model_validator(mode="after")
    def _is_possible(self) -> "CoDelQueue":
        if self.target >= self.interval:
            raise ValueError(
                f"target = {format_duration(self.target)} is not below interval = {format_duration(self.interval)}: "
                "RFC 8289 takes a twentieth of it"
            )
        if self.limit.duration_ns is not None:
            raise ValueError(
                f"limit = {format_queue(self.limit)}: write packets or bytes, because target is what bounds CoDel's time"
            )
        return self


def parse_link_queue(value: object) -> object:
    """A text is a droptail limit, a table is CoDel."""
    if isinstance(value, dict):
        return with_model(value, {"codel": "target"})
    return value if isinstance(value, CoDelQueue) else parse_queue(value)


def _model_of(value: Any) -> str:
    return "droptail" if isinstance(value, QueueLimit) else "codel"


LinkQueue = Annotated[
    Annotated[QueueLimit, PlainSerializer(format_queue), Tag("droptail")] | Annotated[CoDelQueue, Tag("codel")],
    Discriminator(_model_of),
    BeforeValidator(parse_link_queue),
]
QUEUES = (QueueLimit, CoDelQueue)
