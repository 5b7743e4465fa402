"""Where scenarios come from: a path, or the name of one that is shipped with the lab."""

import functools
import re
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.model.capture import Capture
from lab.model.scenario import Scenario, parse_scenario
from lab.trace.captures import read_capture

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
    scenario = parse_scenario(text, wanted, name, overrides)
    return scenario.model_copy(update={"read_capture": functools.partial(_read_capture, path.parent)})


def _read_capture(beside: Path, name: str) -> Capture:
    """From the working directory, as every path on the command line; else from the scenario's own."""
    path = Path(name)
    return read_capture(path if path.exists() else beside / name)
