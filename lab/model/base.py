"""What all specifications share: frozen, closed to unknown keys, each key with its one-line description."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen specification. Unknown keys are refused; field descriptions feed `lab list`.

    Strict, because `streams = true` or `nodelay = "yes"` is a slip and not a setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)

    shorthands: ClassVar[tuple[str, ...]] = ()
    """Keys that are accepted beside the fields, and turned into them."""
