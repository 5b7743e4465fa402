"""What a direction loses: packets by chance, by number, by time, or the one that ends a response.

The rule: what counts time counts from the instant at which the repetition's first packet enters the path, its first SYN.
"""

import math
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from lab.model.base import Model, Spec, with_model
from lab.model.units import NS_PER_MS, Duration, PositiveDuration, format_duration, parse_duration

Probability = Annotated[float, Field(ge=0, le=1)]

_SHORTEST_SOJOURN_NS = NS_PER_MS
"""Below it no two packets of a token stream would meet the same state, which is Bernoulli's model."""


def _parse_sojourn(text: object) -> int:
    sojourn_ns = parse_duration(text)
    if sojourn_ns < _SHORTEST_SOJOURN_NS:
        raise ValueError(f"{text!r}: must be at least {format_duration(_SHORTEST_SOJOURN_NS)}")
    return sojourn_ns


Sojourn = Annotated[int, BeforeValidator(_parse_sojourn), PlainSerializer(format_duration)]


class BernoulliLoss(Model):
    """Each packet is lost with the same probability, independently: what a text alone means."""

    forms: ClassVar[tuple[str, ...]] = (
        "'2%'",
        "{ model = 'bernoulli', probability = 0.02 }",
    )

    model: Literal["bernoulli"] = "bernoulli"
    probability: Probability


class DropList(Model):
    """Exactly these packets are lost: data-carrying packets of this direction and connection, counted from 1."""

    forms: ClassVar[tuple[str, ...]] = ("{ model = 'drop-list', packets = [40] }",)

    model: Literal["drop-list"] = "drop-list"
    packets: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, strict=False)  # TOML has lists only


class GilbertElliottLoss(Model):
    """Loss in bursts: a good and a bad state, each lasting a random time of this mean, each with its own loss probability.

    The clock is time. The textbook's state advances with every packet, and TCP's back-off then makes the bad state last:
    each retransmission is one step, and they come ever more rarely (Elliott, Bell System Technical Journal 1963).
    """

    forms: ClassVar[tuple[str, ...]] = (
        "{ model = 'gilbert-elliott', good = '2s', bad = '100ms', good_loss = 0.0, bad_loss = 1.0 }",
    )

    model: Literal["gilbert-elliott"] = "gilbert-elliott"
    good: Sojourn
    bad: Sojourn
    good_loss: Probability = 0.0
    bad_loss: Probability = 1.0


class Blackout(Spec):
    """From `at` on, for `for`, nothing passes."""

    at: Duration
    duration: PositiveDuration = Field(alias="for")

    @property
    def end_ns(self) -> int:
        """The first instant after it."""
        return self.at + self.duration


class BlackoutLoss(Model):
    """Everything is lost in these periods, counted from the first packet on the path; `every` starts them anew."""

    forms: ClassVar[tuple[str, ...]] = (
        "{ model = 'blackouts', periods = [{ at = '1s', for = '500ms' }], every = '12s' }",
    )

    model: Literal["blackouts"] = "blackouts"
    periods: tuple[Blackout, ...] = Field(min_length=1, strict=False)
    every: PositiveDuration | None = None

    @model_validator(mode="after")
    def _periods_are_apart(self) -> "BlackoutLoss":
        for earlier, later in pairwise(self.periods):
            if later.at < earlier.end_ns:
                raise ValueError(f"the period at {format_duration(later.at)} begins before the one before it has ended")
        if self.every is None:
            return self
        if self.every < self.periods[-1].end_ns:
            raise ValueError(f"every = {format_duration(self.every)}: the last period has not ended by then")
        if self.every == sum(period.duration for period in self.periods):
            raise ValueError(f"every = {format_duration(self.every)}: nothing would ever pass: leave some time between")
        return self

    def dark_ns(self, span_ns: int) -> int:
        """How much of `span_ns` is dark at most."""
        laps = math.ceil(span_ns / self.every) if self.every else 1
        return laps * sum(period.duration for period in self.periods)


class TailLoss(Model):
    """The packet that ends a response is lost, once: its payload ends with the last-chunk of the transfer-coding, or it
    carries data and FIN.

    A link does not know the future and holds nothing back, so it can only know the last packet by what is in it. It does
    not know the end of a body that is encrypted, has a Content-Length, or ends by a FIN in a packet of its own.
    """

    forms: ClassVar[tuple[str, ...]] = ("{ model = 'tail' }",)

    model: Literal["tail"] = "tail"


LOSSES = (BernoulliLoss, DropList, GilbertElliottLoss, BlackoutLoss, TailLoss)

_MARKS = {
    "bernoulli": "probability",
    "drop-list": "packets",
    "gilbert-elliott": "bad",
    "blackouts": "periods",
    "tail": "tail",
}


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
        return with_model(value, _MARKS)
    if isinstance(value, LOSSES):
        return value
    raise ValueError(f"{value!r} is no loss: write '2%', or a table with model = 'drop-list'")


Loss = Annotated[
    BernoulliLoss | DropList | GilbertElliottLoss | BlackoutLoss | TailLoss,
    Field(discriminator="model"),
    BeforeValidator(parse_loss),
]
