"""How fast the bottleneck sends: at one rate, at rates that change at given instants, or as a recorded link once could.

The rule: a rate is never zero, for a link that never sends is a blackout. What counts time counts from the instant at which
the repetition's first packet enters the path.
"""

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag, model_validator

from lab.errors import UsageError
from lab.model.base import Model, Spec, with_model
from lab.model.lines import MAX_LINES, parse_lines
from lab.model.units import NS_PER_MS, NS_PER_S, Duration, Rate, format_duration, format_rate, parse_rate

OPPORTUNITY_BYTES = 1504
"""What one line of a mahimahi trace can carry (`PACKET_SIZE` in its link_queue.cc): an MTU of 1500 and the TUN header."""
TUN_HEADER_BYTES = 4
"""What mahimahi counts on every packet, because it reads its TUN device with the header."""

_LONGEST_MS = 24 * 3600 * 1000


class RateStep(Spec):
    """From `at` on, this rate."""

    at: Duration
    rate: Rate


class RateSteps(Model):
    """From each instant on the rate beside it, the last one for ever; the first `at` is '0s', the first packet's."""

    forms: ClassVar[tuple[str, ...]] = ("[{ at = '0s', rate = '5Mbit/s' }, { at = '2s', rate = '500kbit/s' }]",)

    model: Literal["steps"] = "steps"
    steps: tuple[RateStep, ...] = Field(min_length=1, strict=False)

    @model_validator(mode="after")
    def _in_order_from_zero(self) -> "RateSteps":
        if self.steps[0].at:
            raise ValueError(f"the first step is at {format_duration(self.steps[0].at)}: it must be at '0s'")
        for earlier, later in pairwise(self.steps):
            if later.at <= earlier.at:
                raise ValueError(f"the step at {format_duration(later.at)} is not later than the one before it")
        return self


class RateTrace(Model):
    """A mahimahi trace: at the millisecond of each line 1504 bytes can leave, or the chance is lost; the lines repeat."""

    forms: ClassVar[tuple[str, ...]] = ("{ model = 'trace', file = 'lte.down' }",)

    model: Literal["trace"] = "trace"
    file: str
    opportunities_ms: tuple[Annotated[int, Field(ge=0, le=_LONGEST_MS)], ...] = Field(
        min_length=1, max_length=MAX_LINES, strict=False
    )

    @model_validator(mode="after")
    def _in_order_and_lasting(self) -> "RateTrace":
        for earlier, later in pairwise(self.opportunities_ms):
            if later < earlier:
                raise ValueError(f"opportunities_ms falls from {earlier} to {later}: a trace is in order of time")
        if self.opportunities_ms[-1] == 0:
            raise ValueError("opportunities_ms ends at 0: a trace must last for some time")
        return self


def parse_rate_trace(text: str, source: str) -> tuple[int, ...]:
    """The lines of the file `source`, in ms. Raises UsageError that names the line."""
    times_ms = parse_lines(text, source, "rate trace", "a whole number of milliseconds, as in mahimahi", _milliseconds)
    for line, (earlier, later) in enumerate(pairwise(times_ms), 2):
        if later < earlier:
            raise UsageError(
                f"cannot use the rate trace {source}, line {line}: {later} after {earlier}: lines stand in order of time"
            )
    if times_ms[-1] == 0:
        raise UsageError(
            f"cannot use the rate trace {source}, line {len(times_ms)}: it ends at 0: a trace must last for some time"
        )
    return times_ms


def _milliseconds(line: str) -> int:
    if not (line.isascii() and line.isdigit()) or (time_ms := int(line)) > _LONGEST_MS:
        raise ValueError(f"{line!r} is no number from 0 to {_LONGEST_MS}")
    return time_ms


def parse_link_rate(value: object) -> object:
    """`"5Mbit/s"` → 5_000_000; a list → steps; a table is of the model that it names, else of the one whose key it has."""
    if isinstance(value, str):
        return parse_rate(value)
    if isinstance(value, list):
        return {"model": "steps", "steps": value}
    if isinstance(value, dict):
        return with_model(value, {"steps": "steps", "trace": "file"})
    if isinstance(value, RateSteps | RateTrace):
        return value
    raise ValueError(
        f"{value!r} is no rate: write '5Mbit/s', a list of {{ at = …, rate = … }}, or a table with model = 'trace'"
    )


def _model_of(value: Any) -> str:
    if isinstance(value, int):
        return "constant"
    return str(value["model"] if isinstance(value, dict) else value.model)


LinkRate = Annotated[
    Annotated[int, PlainSerializer(format_rate), Tag("constant")]
    | Annotated[RateSteps, Tag("steps")]
    | Annotated[RateTrace, Tag("trace")],
    Discriminator(_model_of),
    BeforeValidator(parse_link_rate),
]
RATES = (RateSteps, RateTrace)


def slowest_bps(rate: int | RateSteps | RateTrace) -> int:
    """What it sends at its slowest; of a trace, which has no slowest, the mean."""
    if isinstance(rate, int):
        return rate
    if isinstance(rate, RateSteps):
        return min(step.rate for step in rate.steps)
    bits = 8 * OPPORTUNITY_BYTES * len(rate.opportunities_ms)
    return max(1, bits * (NS_PER_S // NS_PER_MS) // rate.opportunities_ms[-1])
