"""What there is to choose from, in lines for a terminal: read off the models and the shipped files, never kept by hand."""

import tomllib
from collections.abc import Iterator
from typing import Any

from lab.model.keys import documented_forms, documented_keys
from lab.model.presets import PRESETS, Preset
from lab.model.units import format_duration
from lab.model.workload import PROFILES
from lab.run.catalogue import shipped


def lines() -> Iterator[str]:
    """Five parts, each under its heading."""
    yield "SCENARIOS (lab run NAME)"
    for name, path in shipped().items():
        description = tomllib.loads(path.read_text(encoding="utf-8")).get("scenario", {}).get("description", "")
        yield f"  {name:<18}{description}"
    yield "\nPRESETS (path = NAME)"
    for name, links in PRESETS.items():
        yield f"  {name:<18}{_preset(links)}"
    yield "\nWORKLOADS (workload.profile = NAME)"
    for profile, defaults in PROFILES.items():
        yield f"  {profile:<18}{defaults.chunks} chunks, one every {format_duration(defaults.interval_ns)} (mean)"
    yield f"  {'replay':<18}what lab probe --record FILE captured, at its own times (workload.capture = FILE)"
    yield "\nKEYS (in a scenario, --set, --only; in [matrix] with a list of values)"
    for key in documented_keys():
        yield f"  {key.dotted:<29}{key.default:<12}{key.meaning}"
    yield "\nFORMS (of keys that take more than one value; times count from the repetition's first packet)"
    for form in documented_forms():
        yield f"  {form.dotted} = {f'  or  {form.dotted} = '.join(form.forms)}"
        yield f"      {form.meaning}"


def _preset(links: Preset) -> str:
    if not links:
        return "nothing emulated: the machine itself"
    sides = {side: ", ".join(f"{key} {_toml(value)}" for key, value in link.items()) for side, link in links.items()}
    both = len(set(sides.values())) == 1
    return f"{sides['up']} each way" if both else f"up: {sides['up']}; down: {sides['down']}"


def _toml(value: Any) -> str:
    """A text bare, as it is read best; a table or a list as it is written."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else str(value)
