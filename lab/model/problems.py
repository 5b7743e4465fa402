"""Pydantic's findings, said in the scenario's own words: the dotted key, what was read, what is allowed."""

from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lab.errors import ScenarioError

Model = TypeVar("Model", bound=BaseModel)


def build(model: type[Model], value: Any, where: str) -> Model:
    """Validate `value`; raises ScenarioError that starts with `where` and names every problem."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = "; ".join(_describe(model, detail) for detail in error.errors())
        raise ScenarioError(f"{where}: {problems}") from error


def _describe(model: type[BaseModel], detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"] if part not in ("function-after", "function-before"))
    read = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key {key!r}: allowed here: {', '.join(_allowed(model, detail['loc'][:-1]))}"
        case "missing":
            return f"{key}: missing"
        case "value_error":
            return f"{key or 'these settings'}: {detail['ctx']['error']}"
        case _:
            return f"{key} = {read!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _allowed(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the table that `loc` leads to."""
    for part in loc:
        field = model.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field else None
        model = inner or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The specification inside `X | None` or X itself."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
