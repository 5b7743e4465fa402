"""What the application has to say, and when: the shape of one response. `plan.py` turns it into dated chunks."""

from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError, model_validator

from lab.model.base import Spec
from lab.model.capture import Capture
from lab.model.units import NS_PER_MS, Duration, PositiveDuration, Size

Profile = Literal["llm", "phrase", "ticker", "notifications", "burst", "replay"]


class ProfileDefaults(NamedTuple):
    """What a profile assumes where the scenario is silent. `size_bytes` None: words of natural length."""

    chunks: int
    interval_ns: int
    size_bytes: int | None


# llm, ticker and burst speak at 50 chunks/s, the pace of a fast chat model; a phrase is eight fragments, one every 200 ms;
# notifications come about twice a second, which is sparse beside every timer of TCP.
# `replay` assumes nothing: its capture has it all.
PROFILES: dict[str, ProfileDefaults] = {
    "llm": ProfileDefaults(100, 20 * NS_PER_MS, None),
    "phrase": ProfileDefaults(8, 200 * NS_PER_MS, None),
    "ticker": ProfileDefaults(100, 20 * NS_PER_MS, 8),
    "notifications": ProfileDefaults(10, 500 * NS_PER_MS, 120),
    "burst": ProfileDefaults(100, 20 * NS_PER_MS, None),
}


class Pause(Spec):
    """The generator stops once: after chunk `after`, for `for`."""

    after: int = Field(ge=1, description="chunks before the pause")
    duration: PositiveDuration = Field(alias="for", description="how long it lasts")


class WorkloadSpec(Spec):
    """One response. `chunks`, `interval` and `size` left out are filled in by the profile, so a resolved one has them."""

    profile: Profile = Field("llm", description="llm | phrase | ticker | notifications | burst | replay")
    chunks: int = Field(100, ge=1, le=1_000_000, description="chunks in a response (by profile)")
    interval: PositiveDuration = Field(
        20 * NS_PER_MS, description="planned (mean) interval between chunks (by profile)"
    )
    first: Duration = Field(0, description="chunk 1 is due this long after the request's head")
    size: Size | None = Field(None, description="text bytes of a chunk (by profile; unset: words of natural length)")
    first_size: Size | None = Field(None, description="text bytes of chunk 1, when it differs")
    burst: int = Field(8, ge=1, description="profile burst: chunks that are due together")
    pause: Pause | None = Field(None, description="{ after = 50, for = '2.5s' }")
    seed: int | None = Field(None, ge=0, description="of lengths and intervals; unset: the scenario's seed")
    capture: Capture | None = Field(
        None, description="profile replay: a file of lab probe --record; its intervals, sizes and number of chunks hold"
    )
    format: Literal["plain", "openai"] = Field("plain", description="one text per event, or OpenAI chat chunks")

    @model_validator(mode="before")
    @classmethod
    def _profile_fills_in(cls, value: Any) -> Any:
        profile = value.get("profile", "llm") if isinstance(value, dict) else None
        if profile == "replay":
            return _as_captured(value)
        if not isinstance(profile, str) or profile not in PROFILES:
            return value
        defaults = PROFILES[profile]
        filled: dict[str, Any] = {"chunks": defaults.chunks, "interval": f"{defaults.interval_ns}ns"}
        if defaults.size_bytes is not None:
            filled["size"] = f"{defaults.size_bytes}B"
        return {**filled, **{key: item for key, item in value.items() if item is not None}}

    @model_validator(mode="after")
    def _pause_is_inside(self) -> "WorkloadSpec":
        if self.pause is not None and self.pause.after >= self.chunks:
            raise ValueError(f"pause.after = {self.pause.after} is not before the last of {self.chunks} chunks")
        return self

    @model_validator(mode="after")
    def _replay_needs_a_capture(self) -> "WorkloadSpec":
        if self.profile == "replay" and self.capture is None:
            raise ValueError("profile = 'replay' needs capture = 'FILE': make one with lab probe URL --record FILE")
        return self


def _as_captured(value: dict[str, Any]) -> dict[str, Any]:
    """The settings with the capture's own shape laid over them; of `chunks` the smaller number holds, so it cuts short."""
    try:
        capture = Capture.model_validate(value.get("capture"))
    except ValidationError:
        return value  # the field's own validation says what is wrong with it
    held = len(capture.chunks)
    asked = value.get("chunks")
    chunks = min(asked, held) if isinstance(asked, int) else held if asked is None else asked
    shape = {"chunks": chunks, "interval": f"{capture.interval_ns}ns", "size": None, "first_size": None}
    return {**value, "capture": capture, **shape}
