"""What a finished run amounts to: its exit code, and in words what kept it from being whole."""

import os
from collections.abc import Iterator

from pydantic import JsonValue

from lab.trace.run_info import CellInfo, RunInfo

MEASURED = 0
NOT_A_MEASUREMENT = 3


def require_all() -> bool:
    """Whether a capability that is missing is a failure (`LAB_REQUIRE=all`, as in CI) and not a reason to skip."""
    return os.environ.get("LAB_REQUIRE") == "all"


def exit_code(info: RunInfo) -> int:
    """0; or 3 when a process failed, a cell has no valid repetition, or a skipped cell was one that had to run."""
    return NOT_A_MEASUREMENT if any(True for _ in _failures(info)) else MEASURED


def problems(info: RunInfo) -> Iterator[str]:
    """Everything that a reader must be told, gravest first."""
    yield from _failures(info)
    for cell in info.cells:
        if cell.skipped is not None and not _had_to_run(cell):
            yield f"{cell.cell} was skipped: {cell.skipped.reason}. {cell.skipped.remedy}"


def _failures(info: RunInfo) -> Iterator[str]:
    for entry in info.repetitions:
        if entry.error is not None:
            yield f"{entry.cell} #{entry.rep} failed: {entry.error}"
    for cell in info.cells:
        entries = [entry for entry in info.repetitions if entry.cell == cell.cell]
        if cell.skipped is not None and _had_to_run(cell):
            yield f"{cell.cell} had to run and was skipped: {cell.skipped.reason}. {cell.skipped.remedy}"
        elif cell.skipped is None and not any(entry.valid for entry in entries):
            reasons = [reason for entry in entries for reason in entry.reasons]
            yield f"{cell.cell} has no valid repetition" + (f": {reasons[-1]}" if reasons else "")


def _had_to_run(cell: CellInfo) -> bool:
    """The scenario named the backend, or nothing may be skipped."""
    path: JsonValue = cell.settings.get("path", {})
    backend = path.get("backend", "auto") if isinstance(path, dict) else "auto"
    return require_all() or backend != "auto"
