"""Captures on disk. The rule: what a scenario names is read once, before anything starts, and from then on travels inside
the workload; so a run can be resumed without the file, and no request from outside can name one.
"""

from pathlib import Path

from lab.errors import UsageError
from lab.model.capture import Capture, format_capture, parse_capture
from lab.trace.files import write_text


def read_capture(path: Path) -> Capture:
    """Raises UsageError when there is no such file or it is no capture."""
    try:
        return parse_capture(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot read the capture {path}: {reason}: give a file made by lab probe --record") from error


def write_capture(path: Path, capture: Capture) -> None:
    """Raises StorageError."""
    write_text(path, format_capture(capture))
