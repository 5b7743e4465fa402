"""What must be alike for two cells to be compared, and what may differ: conditions, machine, and the yardstick cell.

The rule: workload, request, path and client are the *conditions* of a measurement, and they must agree. Server and proxy are
what is measured: they may differ, for that is what a gate is for. Names, seeds, repetitions and budgets play no part.
"""

import hashlib
import json
import re
from collections.abc import Mapping

from pydantic import JsonValue

from lab.analysis import words
from lab.model.matrix import written
from lab.model.scenario import CellSpec
from lab.trace.run_info import CellInfo

_CONDITIONS = ("workload", "request", "path", "client")
# A capture is longer than everything else together; its digest says whether it is the same.
_LONG = ("workload.capture",)

Axes = Mapping[str, JsonValue]
Conditions = dict[str, JsonValue]


def key_of(axes: Axes, without: str = "") -> frozenset[tuple[str, str]]:
    """What two cells must have in common to be the same point of the matrix."""
    return frozenset((name, written(value)) for name, value in axes.items() if name != without and not _is_budget(name))


def _is_budget(name: str) -> bool:
    return name.partition(".")[0] == "budget"


def conditions(cell: CellInfo) -> Conditions:
    """The conditions of `cell` that are not the defaults, by dotted key, and the path that was used."""
    defaults = _flat(CellSpec().model_dump(mode="json", by_alias=True, exclude_none=True))
    chosen = {
        name: value
        for name, value in _flat(cell.settings).items()
        if name.partition(".")[0] in _CONDITIONS and defaults.get(name) != value
    }
    return {"path (as applied)": cell.backend, **chosen}


def _flat(table: Mapping[str, JsonValue], prefix: str = "") -> Conditions:
    flat: Conditions = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if name in _LONG:
            flat[name] = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        elif isinstance(value, dict):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def disagreement(base: Conditions, head: Conditions) -> str:
    """In words, which conditions differ; empty if none does."""
    differing = [name for name in sorted({*base, *head}) if base.get(name) != head.get(name)]
    return ", ".join(f"{name} is {_said(base.get(name))} there and {_said(head.get(name))} here" for name in differing)


def _said(value: JsonValue) -> str:
    return "unset" if value is None else words.axis(value)


def is_reference(cell: CellInfo) -> bool:
    """Whether it measures the machine and little else: the lab's own server, unbuffered, on no network at all."""
    server, proxy = (cell.settings.get(name) for name in ("server", "proxy"))
    if not isinstance(server, dict) or not isinstance(proxy, dict) or cell.backend != "loopback":
        return False
    plain = {"flush": "every", "nodelay": True, "cork": False, "writes_per_chunk": 1, "command": ""}
    return not proxy.get("command") and all(server.get(key) == value for key, value in plain.items())


def fingerprint(environment: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What of a run's environment a reader of its figures must know."""
    kept = ("cpu", "cpus", "kernel", "kernel_hz", "clocksource", "python", "lab", "git")
    return {name: environment.get(name) for name in kept}


def other_machine(base: Mapping[str, JsonValue], head: Mapping[str, JsonValue]) -> str:
    """In words, what makes two fingerprints two kinds of machine; empty if they are of one kind.

    The processor, how many, the kernel's series and its tick. Python and the lab are part of what is compared.
    """
    pairs = [(name, base.get(name), head.get(name)) for name in ("cpu", "cpus", "kernel_hz")]
    pairs.append(("kernel", _series(base.get("kernel")), _series(head.get("kernel"))))
    return ", ".join(
        f"{name} {_said(there)} there and {_said(here)} here" for name, there, here in pairs if there != here
    )


def _series(release: JsonValue) -> JsonValue:
    match = re.match(r"\d+\.\d+", release) if isinstance(release, str) else None
    return match[0] if match else release
