"""Where scenarios come from: a path, or the name of one that is shipped with the lab."""

import functools
import re
from pathlib import Path
from typing import Any

from lab.errors import UsageError
from lab.model.capture import Capture
from lab.model.inputs import NamedFile
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
    readers = {
        "read_capture": functools.partial(_read_capture, path.parent),
        "read_file": functools.partial(_read_file, path.parent),
    }
    return scenario.model_copy(update=readers)


def _read_capture(beside: Path, name: str) -> Capture:
    return read_capture(_found(beside, name))


def _read_file(beside: Path, name: str, where: str) -> NamedFile:
    path = _found(beside, name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        looked = f"{path}: looked for in the working directory and beside the file that names it"
        raise UsageError(f"{where} = {name!r}: cannot read {looked}: {reason}: give a file that can be read") from error
    return NamedFile(text, str(path), functools.partial(_read_file, path.parent))


def _found(beside: Path, name: str) -> Path:
    """From the working directory, as every path on the command line; else from that of the file that names it."""
    path = Path(name)
    return path if path.exists() else beside / name
