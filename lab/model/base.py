"""What all specifications share: frozen, closed to unknown keys, each key with its one-line description."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen specification. Unknown keys are refused; field descriptions feed `lab list`.

    Strict, because `streams = true` or `nodelay = "yes"` is a slip and not a setting.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)

    shorthands: ClassVar[tuple[str, ...]] = ()
    """Keys that are accepted beside the fields, and turned into them."""


class Model(Spec):
    """One way of several to set a key: a table whose `model` says which. `forms` are how to write it, for `lab list`."""

    forms: ClassVar[tuple[str, ...]]
    model: str


def with_model(value: Mapping[str, Any], marks: Mapping[str, str]) -> dict[str, Any]:
    """The table with its `model`: the one it names, else the one whose mark it has, else the first of `marks`.

    `marks` gives for each model a key that no other has. Raises ValueError for a model that is none of them.
    """
    guessed = next((model for model, mark in marks.items() if mark in value), next(iter(marks)))
    model = value.get("model", guessed)
    if model not in marks:
        raise ValueError(f"model = {model!r}: one of {', '.join(map(repr, marks))}")
    return {**value, "model": model}
