"""Puts what the files say into the tables that name them: a path of the user's own, and the traces of a link.

The rule: it happens once, before anything starts, so that a cell carries all that it needs: a run can be resumed without the
files. Pure: whoever reads files gives a `ReadFile`.
"""

import tomllib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lab.errors import ScenarioError
from lab.model.jitter import parse_jitter_trace
from lab.model.path import LINK_KEYS, OWN_PRESET, unfolded
from lab.model.presets import PRESETS
from lab.model.rate import parse_rate_trace


class NamedFile(NamedTuple):
    """The text of a file, its name for messages, and how to read the files that it names in turn."""

    text: str
    source: str
    read: "Callable[[str, str], NamedFile]"


ReadFile = Callable[[str, str], NamedFile]
"""Reads the file of this name, which stands at this place (a file and a dotted key). Raises UsageError."""


def with_files(path: Any, read: ReadFile, where: str) -> Any:
    """The table [path] (or the name of a preset) with what its files say. Raises UsageError."""
    if isinstance(path, str) and path.endswith(OWN_PRESET):
        path = {"preset": path}
    if not isinstance(path, dict):
        return path
    path = _with_traces(path, read, f"{where}: path")
    preset = path.get("preset")
    if isinstance(preset, str) and preset.endswith(OWN_PRESET):
        path = unfolded(path, _own_preset(read(preset, f"{where}: path.preset")))
    return path


def _own_preset(file: NamedFile) -> dict[str, Any]:
    """Its two links, unfolded over the shipped preset that it may start from."""
    try:
        table = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file.source}: not valid TOML: {error}") from error
    base = table.pop("preset", "loopback")
    if base not in PRESETS:
        raise ScenarioError(f"{file.source}: preset = {base!r}: one of {', '.join(PRESETS)}")
    for key in table:
        if key not in (*LINK_KEYS, "up", "down"):
            allowed = ", ".join(("preset", *LINK_KEYS, "up", "down"))
            raise ScenarioError(f"{file.source}: unknown key {key!r}: a path of your own has {allowed}")
    for side in ("up", "down"):
        if not isinstance(table.get(side, {}), dict):
            raise ScenarioError(f"{file.source}: {side} = {table[side]!r}: write a table of {', '.join(LINK_KEYS)}")
    return unfolded(_with_traces(table, file.read, file.source), PRESETS[base])


# By key: the field that holds what a trace's file says, and how to read it.
_TRACES: Mapping[str, tuple[str, Callable[[str, str], tuple[int, ...]]]] = {
    "jitter": ("extra_ns", parse_jitter_trace),
    "rate": ("opportunities_ms", parse_rate_trace),
}


def _with_traces(table: dict[str, Any], read: ReadFile, where: str) -> dict[str, Any]:
    """`{ file = "x" }` with the field that its lines give, in both directions at once and in each."""
    filled = dict(table)
    for key, (field, parse) in _TRACES.items():
        setting = table.get(key)
        if isinstance(setting, dict) and isinstance(name := setting.get("file"), str) and field not in setting:
            file = read(name, f"{where}.{key}.file")
            filled[key] = {**setting, field: parse(file.text, file.source)}
    for side in ("up", "down"):
        if isinstance(table.get(side), dict):
            filled[side] = _with_traces(table[side], read, f"{where}.{side}")
    return filled
