"""From a stored run to the rows of `summary.csv` and `repetitions.csv`.

The rule: a cell's figures are pooled over its valid repetitions only; a repetition keeps its own figures, valid or not. The
columns are the contract's, in its order: what names the row, the axes by their dotted keys, the metrics, `valid`.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from lab.analysis import words
from lab.analysis.metrics import METRIC_DOCS, Measuring, Metrics, Records, measure
from lab.analysis.received import received
from lab.analysis.sentence import tell
from lab.model.client import parse_arrivals

if TYPE_CHECKING:  # the run is handed in; reading it is its own business, so nothing of `trace` is imported to compute
    from lab.trace.run_info import CellInfo, RepetitionInfo
    from lab.trace.store import Run

ROW_DOCS = {
    "cell": "the cell's slug",
    "rep": "number of the repetition (only in repetitions.csv)",
}
VALID_DOC = "true or false: can it be believed? Empty where there was nothing to measure"

Value = float | int | bool | str | None


@dataclass(frozen=True)
class Row:
    """One line of a summary. `rep` is None for a whole cell; `metrics` and `valid` are None where nothing was measured."""

    cell: str
    rep: int | None
    axes: Mapping[str, object]
    metrics: Metrics | None
    valid: bool | None

    def value(self, name: str) -> Value:
        """Return the value of the metric column `name`, or of `valid`."""
        if name == "valid":
            return self.valid
        found: Value = None if self.metrics is None else getattr(self.metrics, name)
        return found


@dataclass(frozen=True)
class Summary:
    """All rows of a run, and one sentence for every cell that has figures."""

    axis_keys: tuple[str, ...]
    cells: tuple[Row, ...]
    repetitions: tuple[Row, ...]
    sentences: dict[str, str]

    def cells_csv(self) -> str:
        """Return the text of `summary.csv`."""
        return _csv(("cell",), self.axis_keys, self.cells)

    def repetitions_csv(self) -> str:
        """Return the text of `repetitions.csv`."""
        return _csv(("cell", "rep"), self.axis_keys, self.repetitions)


def summarise(run: "Run") -> Summary:
    """Compute every figure of `run` from its tables. Raises StorageError when one cannot be read."""
    cells: list[Row] = []
    repetitions: list[Row] = []
    sentences: dict[str, str] = {}
    for cell in run.info.cells:
        measuring = measuring_of(run, cell.cell)
        entries = [entry for entry in run.info.repetitions if entry.cell == cell.cell]
        repetitions += [_repetition(run, cell, entry, measuring) for entry in entries]
        believed = believed_records(run, cell.cell)
        if believed is None:
            cells.append(Row(cell.cell, None, cell.axes, metrics=None, valid=False if entries else None))
            continue
        metrics = measure(believed, measuring)
        cells.append(Row(cell.cell, None, cell.axes, metrics, valid=True))
        sentences[cell.cell] = tell(received(believed.chunks), metrics)
    axis_keys = tuple(dict.fromkeys(key for cell in run.info.cells for key in cell.axes))
    return Summary(axis_keys, tuple(cells), tuple(repetitions), sentences)


def measuring_of(run: "Run", cell: str) -> Measuring:
    """Return how the cell's figures are to be measured, from its settings."""
    arrivals = run.info.setting(cell, "client.arrivals")
    return Measuring(open_arrivals=arrivals is not None and parse_arrivals(arrivals).open_loop)


def believed_records(run: "Run", cell: str) -> Records | None:
    """Return the tables of the cell's valid repetitions as one, or None if it has none."""
    parts = [records_of(run, entry) for entry in run.info.repetitions if entry.cell == cell and entry.valid]
    if not parts:
        return None
    return Records(
        chunks=pa.concat_tables([part.chunks for part in parts]),
        streams=pa.concat_tables([part.streams for part in parts]),
        path=pa.concat_tables([part.path for part in parts]),
    )


def records_of(run: "Run", entry: "RepetitionInfo") -> Records:
    """Return the tables of one repetition."""
    return Records(*(run.repetition(entry.cell, entry.rep, name) for name in ("chunks", "streams", "path")))


def _repetition(run: "Run", cell: "CellInfo", entry: "RepetitionInfo", measuring: Measuring) -> Row:
    """The row of one repetition; without figures if it broke before it was measured."""
    metrics = measure(records_of(run, entry), measuring) if entry.error is None else None
    return Row(cell.cell, entry.rep, cell.axes, metrics, entry.valid)


def _csv(keys: tuple[str, ...], axis_keys: tuple[str, ...], rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*keys, *axis_keys, *METRIC_DOCS, "valid"])
    for row in rows:
        named = [getattr(row, key) for key in keys]
        axes = [words.axis(row.axes.get(key)) for key in axis_keys]
        writer.writerow([*named, *axes, *(_plain(row.value(name)) for name in (*METRIC_DOCS, "valid"))])
    return out.getvalue()


def _plain(value: Value) -> str:
    """A number for machines: to the nanosecond, without noise behind it, and empty where not measured."""
    return words.axis(round(value, 6) if isinstance(value, float) else value)
