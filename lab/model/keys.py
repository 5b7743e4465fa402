"""Every scenario key with its default and meaning, read off the models: what `lab list` prints is what is accepted."""

import inspect
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from lab.model.base import Model
from lab.model.budget import QUANTITIES
from lab.model.client import ClientSpec
from lab.model.cross import CrossSpec
from lab.model.host import HostSpec
from lab.model.jitter import JITTERS
from lab.model.loss import LOSSES
from lab.model.path import LinkSpec, PathSpec
from lab.model.proxy import ProxySpec
from lab.model.queue import QUEUES, QueueLimit
from lab.model.rate import RATES
from lab.model.request import RequestSpec
from lab.model.scenario import Header
from lab.model.server import ServerSpec
from lab.model.workload import Pause, WorkloadSpec


class Key(NamedTuple):
    """One key: where it stands, what it is when left out ("" when there is no such value), what it means."""

    dotted: str
    default: str
    meaning: str


class Form(NamedTuple):
    """The ways to write a key that takes several models: the texts that are accepted, and what they mean."""

    dotted: str
    forms: tuple[str, ...]
    meaning: str


# By key: its models, in the order in which they are tried.
_MODELS: dict[str, tuple[type[Model] | type[QueueLimit], ...]] = {
    "path.jitter": JITTERS,
    "path.loss": LOSSES,
    "path.rate": RATES,
    "path.queue": QUEUES,
}


def documented_forms() -> Iterator[Form]:
    """Every form of the keys that are more than one value, with the first sentence of its model's own words."""
    for dotted, models in _MODELS.items():
        for model in models:
            meaning = " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split())
            yield Form(dotted, model.forms, meaning)


def documented_keys() -> Iterator[Key]:
    """All keys, table by table, in the order of the models."""
    yield from _keys("scenario", Header, Header())
    yield from _keys("workload", WorkloadSpec, WorkloadSpec(), skip=("pause",))
    yield from _keys("workload.pause", Pause)
    yield from _keys("server", ServerSpec, ServerSpec())
    yield from _keys("host", HostSpec, HostSpec())
    yield from _keys("path", PathSpec, PathSpec(), skip=("up", "down"))
    yield from _keys("path", LinkSpec, LinkSpec(), note=" (one direction: path.up.…, path.down.…)")
    yield from _keys("cross", CrossSpec, CrossSpec(), note=" (a list of tables; a dotted key is said of each)")
    yield from _keys("request", RequestSpec, RequestSpec())
    yield from _keys("proxy", ProxySpec, ProxySpec())
    yield from _keys("client", ClientSpec, ClientSpec())
    yield Key(
        "budget.METRIC", "", f"a list of rules as 'p(95)<120' for {', '.join(QUANTITIES)}; 'value<1' for a column"
    )


def _keys(
    table: str,
    model: type[BaseModel],
    example: BaseModel | None = None,
    skip: tuple[str, ...] = (),
    note: str = "",
) -> Iterator[Key]:
    defaults = example.model_dump(mode="json") if example is not None else {}
    for name, field in model.model_fields.items():
        if name not in skip:
            yield Key(f"{table}.{field.alias or name}", _said(defaults.get(name)), f"{field.description}{note}")


def _said(value: object) -> str:
    if value is None or value == "":
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
