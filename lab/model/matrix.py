"""From a scenario to its cells: the product of the axes, less the exclusions, plus the extra cells.

Precedence: default < table < axis < [[cell]] < --set. A cell keeps the values that set it apart just as they were written,
because the same strings are columns of summary.csv and arguments of --only.
"""

import itertools
import json
import re
from typing import Any

from lab.errors import ScenarioError
from lab.model.base import Spec
from lab.model.inputs import with_files
from lab.model.path import LINK_KEYS
from lab.model.problems import build
from lab.model.scenario import TABLES, CellSpec, Scenario, Settings


class Cell(Spec):
    """One point of the matrix: `name` is a slug and a valid file name, `axes` the values that set it apart."""

    name: str
    axes: Settings
    spec: CellSpec


def expand(scenario: Scenario, only: Settings | None = None) -> list[Cell]:
    """All cells in the order of the file; with `only`, those whose axes have these values. Raises ScenarioError."""
    cells = [_cell(scenario, axes, name="") for axes in _overridden(scenario, _product(scenario))]
    cells += [_extra_cell(scenario, dict(row)) for row in scenario.extra_cells]
    if not cells:
        raise ScenarioError(f"{scenario.source}: every cell is excluded: nothing would run")
    return _uniquely_named(_select(cells, only or {}, scenario))


def axis_keys(cells: list[Cell]) -> list[str]:
    """The dotted keys that any cell sets, in order of first appearance: the axis columns of summary.csv."""
    return list(dict.fromkeys(key for cell in cells for key in cell.axes))


def assign(document: dict[str, Any], dotted: str, value: Any, where: str) -> None:
    """Set `a.b.c` in nested tables. A string in the way (`path = "lan"`) is the preset that it stands for."""
    first, *rest = dotted.split(".")
    if first not in TABLES:
        raise ScenarioError(f"{where}: unknown key {dotted!r}: keys start with {', '.join(TABLES)}")
    table: Any = document.get(first, {})
    if first == "path":
        table = {"preset": table} if isinstance(table, str) else table
        value = {"preset": value} if not rest and isinstance(value, str) else value
        table = _for_both(table, rest[:1] if rest else value)
    document[first] = _merged(table, rest, value, f"{where}: {dotted!r}")


def _merged(table: Any, keys: list[str], value: Any, where: str) -> Any:
    """A copy of `table` with `value` at the end of `keys`; a table as the value is laid over what is there.

    Only a link's setting is one whole: two models of loss have no key in common.
    """
    if not keys:
        return {**table, **value} if isinstance(table, dict) and isinstance(value, dict) else value
    if isinstance(table, list):  # of [[cross]]: said of each
        return [_merged(each, keys, value, where) for each in table] or _merged({}, keys, value, where)
    if not isinstance(table, dict):
        raise ScenarioError(f"{where}: {table!r} is not a table")
    there = {} if keys[0] in LINK_KEYS and not keys[1:] else table.get(keys[0], {})
    return {**table, keys[0]: _merged(there, keys[1:], value, where)}


def _for_both(path: Any, keys: Any) -> Any:
    """`path` without what an earlier layer said of one direction, where `keys` now says it of both."""
    said = {key for key in keys if key in LINK_KEYS} if isinstance(keys, list | dict) else set()
    if not said or not isinstance(path, dict):
        return path
    sides = {side: path[side] for side in ("up", "down") if isinstance(path.get(side), dict)}
    return {**path, **{name: {key: each[key] for key in each if key not in said} for name, each in sides.items()}}


def _product(scenario: Scenario) -> list[Settings]:
    for exclude in scenario.excludes:
        _check_exclude(scenario, exclude)
    if not scenario.matrix:
        return [] if scenario.extra_cells else [{}]
    points = [
        dict(zip(scenario.matrix, values, strict=True)) for values in itertools.product(*scenario.matrix.values())
    ]
    return [point for point in points if not any(exclude.items() <= point.items() for exclude in scenario.excludes)]


def _check_exclude(scenario: Scenario, exclude: Settings) -> None:
    for key, value in exclude.items():
        if key not in scenario.matrix:
            raise ScenarioError(f"{scenario.source}: [[exclude]] {key!r} is no axis of [matrix]")
        if value not in scenario.matrix[key]:
            raise ScenarioError(
                f"{scenario.source}: [[exclude]] {key} = {value!r}: the axis has {scenario.matrix[key]!r}"
            )


def _overridden(scenario: Scenario, points: list[Settings]) -> list[Settings]:
    """An axis that --set overrides has that one value; the points that have become equal are one."""
    unique: list[Settings] = []
    for point in points:
        point = {key: scenario.overrides.get(key, value) for key, value in point.items()}
        if point not in unique or not scenario.overrides:
            unique.append(point)
    return unique


def _extra_cell(scenario: Scenario, row: dict[str, Any]) -> Cell:
    name = row.pop("name", "")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        allowed = f"letters, digits, '-', '_' and '.', a letter or digit first, at most {_NAME_LENGTH} characters"
        raise ScenarioError(f"{scenario.source}: [[cell]] name = {name!r}: {allowed}")
    (axes,) = _overridden(scenario, [row])
    return _cell(scenario, axes, name)


# File names are `<cell>.<rep>.parquet` within 255 bytes (a character has up to four), and Parquet readers skip those that
# begin with '_' or '.'.
_NAME_LENGTH = 50
_NAME = re.compile(rf"[^\W_][\w.-]{{0,{_NAME_LENGTH - 1}}}")


def _cell(scenario: Scenario, axes: Settings, name: str) -> Cell:
    where = f"{scenario.source}: cell {name or slug(axes)!r}"
    document = dict(scenario.tables)
    for dotted, value in {**axes, **scenario.overrides}.items():
        assign(document, dotted, value, where)
    workload = document.get("workload")
    if scenario.read_capture and isinstance(workload, dict) and isinstance(file := workload.get("capture"), str):
        document["workload"] = {**workload, "capture": scenario.read_capture(file)}
    if scenario.read_file and "path" in document:
        document["path"] = with_files(document["path"], scenario.read_file, where)
    return Cell(name=name or slug(axes), axes=axes, spec=build(CellSpec, document, where))


# A switch reads better by its name than as `nodelay-false`.
_SWITCH_NAMES = {("nodelay", False): "nagle", ("nodelay", True): "nodelay", ("cork", True): "cork"}


def slug(axes: Settings) -> str:
    """`{"server.flush": "every", "server.nodelay": False}` → `every-nagle`."""
    words = "-".join(_word(key.rsplit(".", 1)[-1], value) for key, value in axes.items())
    return words[:_NAME_LENGTH].strip("-_.") or "only"


def _word(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return "-".join([key, *(_word(inner, each) for inner, each in value.items())])
    if isinstance(value, bool):
        return _SWITCH_NAMES.get((key, value), key if value else f"no-{key}")
    if value == []:
        return f"no-{key}"
    text = str(value) if isinstance(value, str) else f"{key}-{value}"
    return re.sub(r"[^\w.]+", "-", text).strip("-_.") or key


def _select(cells: list[Cell], only: Settings, scenario: Scenario) -> list[Cell]:
    for key, value in only.items():
        known = {_said(cell, key): None for cell in cells if key in ("cell", *cell.axes)}
        if written(value) not in known:
            there = f"left are {', '.join(known)}" if known else f"the axes are {', '.join(axis_keys(cells)) or 'none'}"
            raise ScenarioError(f"{scenario.source}: --only {key}={written(value)} matches no cell: {there}")
        cells = [cell for cell in cells if key in ("cell", *cell.axes) and _said(cell, key) == written(value)]
    return cells


def _said(cell: Cell, key: str) -> str:
    return written(cell.name if key == "cell" else cell.axes[key])


def written(value: Any) -> str:
    """As a person writes it in TOML, and the same for every way of writing it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {json.dumps(each)}' for key, each in value.items())}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _uniquely_named(cells: list[Cell]) -> list[Cell]:
    """Two cells of one name would share their files; the later one gets a number."""
    taken: set[str] = set()
    unique = []
    for cell in cells:
        names = itertools.chain([cell.name], (f"{cell.name}-{number}" for number in itertools.count(2)))
        name = next(name for name in names if name not in taken)
        taken.add(name)
        unique.append(cell if name == cell.name else cell.model_copy(update={"name": name}))
    return unique
