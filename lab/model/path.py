"""The network between server and client, as asked for: one `LinkSpec` per direction and the backend that is to apply it.

Says nothing about how: `lab.path` applies it or refuses. "up" is client to server, "down" is server to client.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_serializer, model_validator

from lab.model.base import Spec
from lab.model.jitter import Jitter
from lab.model.loss import BlackoutLoss, Loss
from lab.model.presets import PRESETS
from lab.model.queue import LinkQueue
from lab.model.rate import LinkRate, slowest_bps
from lab.model.units import NS_PER_S, Duration


class LinkSpec(Spec):
    """One direction of the path."""

    delay: Duration = Field(0, description="one-way propagation delay (RTT = up + down)")
    jitter: Jitter | None = Field(
        None, description="'3ms' (normal, σ), or a model; order is kept unless it says reorder"
    )
    loss: Loss | None = Field(
        None, description="'2%' (Bernoulli), or a model: drop-list, gilbert-elliott, blackouts, tail"
    )
    rate: LinkRate | None = Field(
        None, description="bottleneck rate in IP bytes: '5Mbit/s', steps over time, or a trace"
    )
    queue: LinkQueue | None = Field(
        None, description="droptail limit: '200p', '64KiB' or '50ms', or CoDel; with a rate, 1000p"
    )

    @model_validator(mode="after")
    def _queue_needs_rate(self) -> "LinkSpec":
        if self.queue is not None and self.rate is None:
            raise ValueError("a queue without a rate never fills: give `rate` too, or leave `queue` out")
        return self

    @property
    def emulates(self) -> bool:
        """Whether anything at all is asked of the network."""
        return bool(self.delay or self.varies or self.loss or self.rate)

    @property
    def varies(self) -> bool:
        """Whether packets take more or less than the delay; `jitter = "0ms"` takes back what a preset says."""
        return self.jitter is not None and self.jitter.widest_ns > 0

    def drain_s(self, size_bytes: int) -> float:
        """How long the bottleneck needs for so many bytes, at its slowest."""
        return 8 * size_bytes / slowest_bps(self.rate) if self.rate else 0.0

    def dark_s(self, span_s: float) -> float:
        """How long at most nothing passes within so many seconds, because it was asked for."""
        return self.loss.dark_ns(round(span_s * NS_PER_S)) / NS_PER_S if isinstance(self.loss, BlackoutLoss) else 0.0


LINK_KEYS = tuple(LinkSpec.model_fields)
"""What may be said of one direction, or of both at once."""

OWN_PRESET = ".toml"
"""A preset that ends so is a file of the user's: what would stand in [path]. `lab/model/inputs.py` puts it in."""


def unfolded(value: Mapping[str, Any], base: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`base` < both directions < one direction, as two complete links beside the other keys."""
    table = dict(value)
    both = {key: table.pop(key) for key in LINK_KEYS if key in table}
    for side in ("up", "down"):
        own = table.get(side, {})
        if isinstance(own, dict):
            table[side] = {**base.get(side, {}), **both, **own}
    return table


class PathSpec(Spec):
    """The path of a cell. In a scenario it may be written flat: link keys at the top count for both directions."""

    shorthands: ClassVar[tuple[str, ...]] = LINK_KEYS

    backend: Literal["auto", "tun", "loopback"] = Field("auto", description="what applies it; auto takes the best here")
    preset: str = Field(
        "loopback",
        description=f"a named path to start from: {', '.join(PRESETS)}; or your own, a file.toml with the keys of [path]",
    )
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
        preset = value.get("preset", "loopback")
        if isinstance(preset, str) and preset.endswith(OWN_PRESET) and {"up", "down"} <= value.keys():
            return unfolded(value, {})  # it was put in already
        if not isinstance(preset, str) or preset not in PRESETS:
            raise ValueError(f"preset = {preset!r}: one of {', '.join(PRESETS)}, or a file that ends in {OWN_PRESET}")
        return unfolded(value, PRESETS[preset])

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
