"""What all specifications share: frozen, closed to unknown keys, each key with its one-line description."""

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen specification. Unknown keys are refused; field descriptions feed `lab list`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)
