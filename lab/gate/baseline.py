"""A baseline: the figures of a run's repetitions and what they were measured under, as a small file for people to review.

The rule: it holds what the test needs and nothing else: one list of numbers per cell and metric, one line each, so that a
change of the baseline reads as a change of figures. A later format is refused; a torn file is an error, never an empty one.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError, model_validator

from lab.errors import StorageError, UsageError
from lab.gate.figures import Figures
from lab.gate.settings import conditions, fingerprint, is_reference
from lab.gate.sides import BySlot, Side
from lab.model.budget import COLUMNS
from lab.trace.files import storage_errors, write_text
from lab.trace.run_info import CellInfo

FORMAT_VERSION = 1
# Tenths of a microsecond, and as fine for ratios: below every clock here.
_DIGITS = 4


class BaselineCell(BaseModel):
    """A cell: `samples` maps a metric to its figures in the order of `slots`, null where it was not measured."""

    model_config = ConfigDict(frozen=True)

    cell: str
    axes: dict[str, JsonValue]
    conditions: dict[str, JsonValue]
    reference: bool
    slots: list[int]
    samples: dict[str, list[float | None]]

    @model_validator(mode="after")
    def _one_figure_a_slot(self) -> Self:
        if torn := [metric for metric, values in self.samples.items() if len(values) != len(self.slots)]:
            raise ValueError(f"cell {self.cell}: {', '.join(torn)}: not one figure for each of {len(self.slots)} slots")
        return self


class Baseline(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True)

    format: Literal["typewriter-lab baseline"] = "typewriter-lab baseline"
    format_version: int = FORMAT_VERSION
    scenario: str
    measured: str
    environment: dict[str, JsonValue]
    cells: list[BaselineCell]

    def sides(self) -> list[Side]:
        """Its cells, to be compared."""
        return [_side(cell) for cell in self.cells]


def _side(cell: BaselineCell) -> Side:
    def figures(metric: str) -> BySlot:
        values = zip(cell.slots, cell.samples.get(metric, [None] * len(cell.slots)), strict=True)
        return {slot: value for slot, value in values if value is not None}

    return Side(cell.cell, cell.axes, cell.conditions, cell.reference, "", figures)


def baseline_of(figures: Figures) -> Baseline:
    """The baseline that a run makes. Raises UsageError for a run without any valid repetition, StorageError."""
    info = figures.run.info
    cells = [_cell(figures, cell) for cell in info.cells if not figures.problem(cell.cell)]
    if not cells:
        reasons = "; ".join(figures.problem(cell.cell) for cell in info.cells)
        raise UsageError(f"no baseline can be made of {figures.run.path}: {reasons}")
    return Baseline(scenario=info.source, measured=info.started, environment=fingerprint(info.environment), cells=cells)


def _cell(figures: Figures, cell: CellInfo) -> BaselineCell:
    slots = sorted(entry.slot for entry in figures.valid(cell.cell))
    found = {metric: figures.by_slot(cell.cell, metric) for metric in COLUMNS}
    samples = {metric: [_rounded(values.get(slot)) for slot in slots] for metric, values in found.items() if values}
    return BaselineCell(
        cell=cell.cell,
        axes=cell.axes,
        conditions=conditions(cell),
        reference=is_reference(cell),
        slots=slots,
        samples=samples,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def write_baseline(baseline: Baseline, path: Path) -> None:
    """Write it so that each list stands on one line. Raises StorageError."""
    text = json.dumps(baseline.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_text(path, re.sub(r"\[[^][{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n")


def read_baseline(path: Path) -> Baseline:
    """Raises UsageError for what is no baseline, or a later one's; StorageError for one that is torn."""
    with storage_errors("read", path):
        data = path.read_bytes()
    if not data.strip():
        raise StorageError(f"Could not read {path} as a baseline: it is empty. Make it again with lab baseline.")
    try:
        document = json.loads(data)
        _refuse_others(document, path)
        baseline = Baseline.model_validate(document)
    except (ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise StorageError(
            f"Could not read {path} as a baseline: it is torn ({first}). Restore it, or make it again with lab baseline."
        ) from error
    if not baseline.cells:
        raise UsageError(f"{path}: this baseline has no cells: make it again with lab baseline")
    return baseline


def _refuse_others(document: object, path: Path) -> None:
    """A file of another kind, or of a later lab."""
    kind = document.get("format") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or kind != Baseline.model_fields["format"].default:
        raise UsageError(f"{path} is no baseline: give a file of lab baseline, or a run's directory")
    version = document.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UsageError(
            f"{path} is a baseline of format {version} and this lab knows up to {FORMAT_VERSION}: use a newer lab"
        )
