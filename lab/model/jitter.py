"""How the delay varies from packet to packet: by chance around the delay, or as it was once recorded.

The rule: order is kept unless `reorder` is asked for, because queues keep it and TCP takes reordering for loss.
"""

import re
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from lab.model.base import Model, with_model
from lab.model.lines import MAX_LINES, parse_lines
from lab.model.units import NS_PER_MS, Duration, parse_duration

_LONGEST_MS = 24 * 3600 * 1000


class NormalJitter(Model):
    """Normal around the delay (σ = `deviation`), cut off at a delay of zero: what a text alone means."""

    forms: ClassVar[tuple[str, ...]] = (
        "'3ms'",
        "{ model = 'normal', deviation = '3ms', reorder = true }",
    )

    model: Literal["normal"] = "normal"
    deviation: Duration
    reorder: bool = False

    @property
    def widest_ns(self) -> int:
        """Zero if the delay stays as it is."""
        return self.deviation


class UniformJitter(Model):
    """Anything from delay − spread to delay + spread, equally likely, cut off at a delay of zero."""

    forms: ClassVar[tuple[str, ...]] = ("{ model = 'uniform', spread = '3ms' }",)

    model: Literal["uniform"] = "uniform"
    spread: Duration
    reorder: bool = False

    @property
    def widest_ns(self) -> int:
        """Zero if the delay stays as it is."""
        return self.spread


class TraceJitter(Model):
    """As recorded: packet n of the direction takes the milliseconds of line n above the delay; the lines repeat."""

    forms: ClassVar[tuple[str, ...]] = ("{ model = 'trace', file = 'wlan.ms' }",)

    model: Literal["trace"] = "trace"
    file: str
    extra_ns: tuple[Annotated[int, Field(ge=0, le=_LONGEST_MS * NS_PER_MS)], ...] = Field(
        min_length=1, max_length=MAX_LINES, strict=False
    )
    reorder: bool = False

    @property
    def widest_ns(self) -> int:
        """Zero if the delay stays as it is."""
        return max(self.extra_ns)


JITTERS = (NormalJitter, UniformJitter, TraceJitter)


def parse_jitter(value: object) -> object:
    """`"3ms"` → normal; a table is of the model that it names, else of the one whose key it has."""
    if isinstance(value, str):
        return NormalJitter.model_construct(deviation=parse_duration(value))
    if isinstance(value, dict):
        return with_model(value, {"normal": "deviation", "uniform": "spread", "trace": "file"})
    if isinstance(value, JITTERS):
        return value
    raise ValueError(f"{value!r} is no jitter: write '3ms', or a table with model = 'normal', 'uniform' or 'trace'")


def parse_jitter_trace(text: str, source: str) -> tuple[int, ...]:
    """The lines of the file `source` in ns. Raises UsageError that names the line."""
    return parse_lines(text, source, "jitter trace", "milliseconds above the delay, as in 3.25", _extra_ns)


def _extra_ns(line: str) -> int:
    if not re.fullmatch(r"\d+(\.\d+)?", line, re.ASCII) or (extra_ms := Fraction(line)) > _LONGEST_MS:
        raise ValueError(f"{line!r} is no number from 0 to {_LONGEST_MS}")
    return int(extra_ms * NS_PER_MS)


Jitter = Annotated[
    NormalJitter | UniformJitter | TraceJitter, Field(discriminator="model"), BeforeValidator(parse_jitter)
]
