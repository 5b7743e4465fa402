"""Cross traffic: bulk TCP flows that share the path with the streams that are measured, and when they run.

The rule: a flow needs a bottleneck to fill, so a direction without a rate is refused (`scenario.py`): it would take all that
the emulator can carry.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from lab.model.base import Spec
from lab.model.units import Duration, format_duration


class CrossSpec(Spec):
    """`flows` alike. `start` and `stop` count from the beginning of the measured repetition; unset: to its end."""

    flows: int = Field(1, ge=1, le=100, description="bulk TCP flows at once")
    congestion: str = Field("cubic", description="TCP_CONGESTION of their senders", pattern=r"^[a-z0-9_]{1,15}$")
    direction: Literal["down", "up"] = Field("down", description="down: server to client; up: client to server")
    start: Duration = Field(0, description="when they connect, after the repetition's beginning")
    stop: Duration | None = Field(None, description="when they are cut off; unset: with the repetition")

    @model_validator(mode="after")
    def _stops_after_it_started(self) -> "CrossSpec":
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(
                f"stop = {format_duration(self.stop)} is not after start = {format_duration(self.start)}: "
                "both count from the beginning of the repetition"
            )
        return self


def _listed(value: Any) -> Any:
    """One table is short for a list of one."""
    return (value,) if isinstance(value, dict) else value


Cross = Annotated[tuple[CrossSpec, ...], Field(strict=False, max_length=10), BeforeValidator(_listed)]
