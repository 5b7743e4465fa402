"""Where scenarios come from: a path, or the name of one that is shipped with the lab."""

import re
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.model.scenario import Scenario, parse_scenario

# In a wheel the files stand inside the package; in a checkout, beside it.
_SHIPPED = [Path(__file__).parents[1] / "scenarios", Path(__file__).parents[2] / "scenarios"]


def shipped() -> dict[str, Path]:
    """Shipped scenarios by name."""
    for directory in _SHIPPED:
        if directory.is_dir():
            return {path.stem: path for path in sorted(directory.glob("*.toml"))}
    return {}


def load(wanted: str, overrides: dict[str, Any]) -> Scenario:
    """Read and check a scenario. Raises UsageError when there is no such file, ScenarioError when it cannot be used."""
    path = shipped().get(wanted, Path(wanted))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        names = ", ".join(shipped())
        raise UsageError(
            f"cannot read the scenario {wanted!r}: {reason}: give a TOML file, or one of {names}"
        ) from error
    name = re.sub(r"[^\w.-]+", "-", path.stem)  # a run's directory is called so
    return parse_scenario(text, wanted, name, overrides)
