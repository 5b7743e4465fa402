"""Pydantic's findings, said in the scenario's own words: the dotted key, what was read, what is allowed."""

from collections.abc import Iterator
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
    key, inner = _walk(model, detail["loc"])
    read = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            _, table = _walk(model, detail["loc"][:-1])
            return f"unknown key {key!r}: allowed here: {', '.join(_allowed(table))}"
        case "missing":
            return f"{key}: missing"
        case "model_type":
            return f"{key} = {read!r}: write a table of {', '.join(_allowed(inner))}"
        case "value_error":
            return f"{key or 'these settings'}: {detail['ctx']['error']}"
        case _:
            return f"{key} = {read!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _allowed(model: type[BaseModel]) -> list[str]:
    own = [field.alias or name for name, field in model.model_fields.items()]
    return [*own, *getattr(model, "shorthands", ())]


def _walk(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel]]:
    """The dotted key that `loc` stands for, and the model it leads to; the tag of a union's member is no key."""
    keys: list[str] = []
    members: dict[Any, type[BaseModel]] = {}
    for part in loc:
        if part in members:
            model, members = members[part], {}
            continue
        keys.append(str(part))
        field = model.model_fields.get(str(part))
        found = list(_models_in(field.annotation)) if field else []
        if len(found) == 1:
            model = found[0]
        members = {each.model_fields["model"].default: each for each in found if "model" in each.model_fields}
        members = members if len(found) > 1 else {}
    return ".".join(keys), model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The specifications inside `X`, `X | None` or a union of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _models_in(each)
