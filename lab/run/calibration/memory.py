"""The last calibration of this machine, kept in the user's cache, and what `lab run --jobs` may ask of the machine by it.

The rule: a calibration holds for the machine that it was made on, as its fingerprint says, and for no other. Without one
that holds nothing is guessed: one repetition at a time needs none, more are refused with the command that would tell.
"""

import os
from pathlib import Path

from pydantic import ValidationError

from lab.errors import UsageError
from lab.run.calibration.figures import FORMAT_VERSION, Calibration, objection
from lab.run.environment import fingerprint
from lab.trace.files import storage_errors, write_text

_HOW = "measure it once with: lab doctor --calibrate"


def place() -> Path:
    """Where it is kept: below $XDG_CACHE_HOME (XDG Base Directory Specification), else ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    cache = Path(home) if os.path.isabs(home) else Path.home() / ".cache"  # the specification ignores relative ones
    return cache / "typewriter-lab" / "calibration.json"


def remember(calibration: Calibration) -> None:
    """Keep it in place of the one before. Raises StorageError."""
    path = place()
    with storage_errors("keep the calibration in", path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, calibration.model_dump_json(indent=1) + "\n")


def recall() -> Calibration:
    """The one that was kept. Raises UsageError when there is none, or none that holds for this machine as it is now."""
    path = place()
    try:
        found = Calibration.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"this machine has not been calibrated: {_HOW}") from error
    except (OSError, ValidationError) as error:
        raise UsageError(f"the calibration in {path} cannot be read: {_HOW}") from error
    if found.format_version != FORMAT_VERSION:
        raise UsageError(f"the calibration in {path} is another lab's: {_HOW}")
    now = fingerprint()
    changed = [f"{key} was {found.machine.get(key)!r} and is {value!r}" for key, value in now.items()
               if found.machine.get(key) != value]  # fmt: skip
    if changed:
        raise UsageError(f"the calibration of {found.measured} is not of this machine ({'; '.join(changed)}): {_HOW}")
    return found


def require(jobs: int) -> None:
    """Raises UsageError unless this machine bears `jobs` repetitions at a time; one it always does."""
    if jobs == 1:
        return
    asked = f"--jobs {jobs}: "
    try:
        found = recall()
    except UsageError as error:
        raise UsageError(f"{asked}{error}") from error
    most = found.valid_up_to.jobs
    if most is None:
        why = "; ".join(f"{each.reason}. {each.remedy}" for each in found.not_measured)
        raise UsageError(f"{asked}it could not be measured how many this machine bears: {why}")
    if jobs > most:
        raise UsageError(
            f"{asked}this machine bears {max(most, 1)} at a time, measured {found.measured}{_reason(found)}. "
            f"Leave it at --jobs {max(most, 1)}, or calibrate again when the machine is quieter: lab doctor --calibrate"
        )


def _reason(found: Calibration) -> str:
    decided = objection(found.jobs)
    return f" (at {found.jobs[-1].jobs}: {decided})" if decided else " (no more were tried)"
