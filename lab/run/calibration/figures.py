"""What a calibration found, as it is printed, stored and read back.

The rule: every figure says its unit in its name, and a load is valid or not by the rule that repetitions are judged by. What
could not be measured is listed with reason and remedy; its figures are empty, never guessed.
"""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, JsonValue, computed_field

FORMAT_VERSION = 1


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True)


class TimerFigures(_Figures):
    """How late a timerfd wakes a process that waits as the emulator does (µs)."""

    wakeups: int
    realtime_priority: bool
    late_us_p50: float
    late_us_p99: float


class RelayStep(_Figures):
    """The emulator at one packet rate: late against its own plan, and wrong in delay against the sender's stamps (µs)."""

    packets_per_s: int
    carried_per_s: float | None = None
    late_us_p50: float | None = None
    late_us_p99: float | None = None
    delay_error_us_p50: float | None = None
    delay_error_us_p99: float | None = None
    objection: str | None

    @property
    def load(self) -> int:
        """What rises."""
        return self.packets_per_s


class BottleneckFigures(_Figures):
    """The rate at which a full bottleneck let packets go, against the one that was asked for (bits per second)."""

    rate_bps: int
    measured_bps: float
    error_percent: float


class StreamStep(_Figures):
    """Server and client on loopback at a number of streams; lags in ms at `quantile`."""

    streams: int
    chunks_per_s: int
    quantile: float | None = None
    emit_lag_ms: float | None = None
    read_lag_ms: float | None = None
    objection: str | None

    @property
    def load(self) -> int:
        """What rises."""
        return self.streams


class JobStep(_Figures):
    """The same cell on an emulated path so many times at once; the worst lags of its repetitions, in ms at `quantile`."""

    jobs: int
    quantile: float | None = None
    emit_lag_ms: float | None = None
    read_lag_ms: float | None = None
    path_error_ms: float | None = None
    objection: str | None

    @property
    def load(self) -> int:
        """What rises."""
        return self.jobs

    @property
    def worst_ms(self) -> float:
        """The largest of the lags."""
        return max(self.emit_lag_ms or 0.0, self.read_lag_ms or 0.0, self.path_error_ms or 0.0)


class NotMeasured(_Figures):
    """What this machine could not show, why, and what a person can do about it."""

    what: str
    reason: str
    remedy: str


class ValidUpTo(_Figures):
    """The largest loads that were borne, with all below them; 0: not even the smallest; None: not measured."""

    packets_per_s: int | None
    streams: int | None
    jobs: int | None


class Step(Protocol):
    """One load that was tried."""

    @property
    def load(self) -> int: ...

    @property
    def objection(self) -> str | None: ...


class Calibration(_Figures):
    """All of it. `machine`: what it holds for; `interval_ms`: the planned interval between chunks by which it was judged."""

    format_version: int = FORMAT_VERSION
    machine: dict[str, JsonValue]
    measured: str
    took_s: float
    load_average: float
    interval_ms: float
    timer: TimerFigures | None = None
    relay: list[RelayStep] = []
    bottleneck: BottleneckFigures | None = None
    streams: list[StreamStep] = []
    jobs: list[JobStep] = []
    not_measured: list[NotMeasured] = []

    @computed_field  # type: ignore[prop-decorator]
    @property
    def valid_up_to(self) -> ValidUpTo:
        """What the steps amount to."""
        return ValidUpTo(packets_per_s=borne(self.relay), streams=borne(self.streams), jobs=borne(self.jobs))


def borne(steps: Sequence[Step]) -> int | None:
    """The largest load up to which nothing was objected to; 0 if there is none, None if nothing was tried."""
    if not steps:
        return None
    largest = 0
    for step in steps:
        if step.objection is not None:
            break
        largest = step.load
    return largest


def objection(steps: Sequence[Step]) -> str | None:
    """Why no more is borne than is; None when the largest load that was tried was borne."""
    return next((step.objection for step in steps if step.objection is not None), None)
