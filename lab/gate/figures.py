"""The figures of a run's repetitions, computed when they are asked for and once only.

The rule: a repetition that cannot be believed has no figures here, and a metric that was not measured has none either.
"""

import numpy as np

from lab.analysis.arrays import Floats
from lab.analysis.metrics import Metrics, all_values, measure
from lab.analysis.summary import believed_records, measuring_of, records_of
from lab.trace.run_info import RepetitionInfo
from lab.trace.store import Run


class Figures:
    """Of one run. Raises StorageError wherever a table cannot be read."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._metrics: dict[tuple[str, int], Metrics] = {}
        self._values: dict[tuple[str, int], dict[str, Floats]] = {}

    def by_slot(self, cell: str, metric: str) -> dict[int, float]:
        """The column `metric` of each valid repetition, by its slot."""
        found = {entry.slot: getattr(self._measured(entry), metric) for entry in self.valid(cell)}
        return {slot: float(value) for slot, value in sorted(found.items()) if value is not None}

    def samples(self, cell: str, quantity: str) -> list[Floats]:
        """Every value of `quantity`, one array for each valid repetition."""
        return [self._sampled(entry)[quantity] for entry in self.valid(cell)]

    def column(self, cell: str, metric: str) -> list[Floats]:
        """The column `metric` in the same form: one value for each valid repetition."""
        return [np.array([value]) for value in self.by_slot(cell, metric).values()]

    def pooled(self, cell: str, metric: str) -> float | None:
        """The column `metric` of summary.csv."""
        records = believed_records(self.run, cell)
        value = None if records is None else getattr(measure(records, measuring_of(self.run, cell)), metric)
        return None if value is None else float(value)

    def valid(self, cell: str) -> list[RepetitionInfo]:
        """Its repetitions that can be believed."""
        return [entry for entry in self.run.info.repetitions if entry.cell == cell and entry.valid]

    def problem(self, cell: str) -> str:
        """Why there are no figures of the cell; empty if there are some."""
        info = self.run.info.cell(cell)
        if info.skipped is not None:
            return f"{cell} was skipped: {info.skipped.reason}. {info.skipped.remedy}"
        if self.valid(cell):
            return ""
        entries = [entry for entry in self.run.info.repetitions if entry.cell == cell]
        reasons = [*(entry.error for entry in entries if entry.error), *(r for entry in entries for r in entry.reasons)]
        return f"{cell} has no valid repetition: {reasons[-1] if reasons else 'none was run'}"

    def _measured(self, entry: RepetitionInfo) -> Metrics:
        key = entry.cell, entry.rep
        if key not in self._metrics:
            self._metrics[key] = measure(records_of(self.run, entry), measuring_of(self.run, entry.cell))
        return self._metrics[key]

    def _sampled(self, entry: RepetitionInfo) -> dict[str, Floats]:
        key = entry.cell, entry.rep
        if key not in self._values:
            self._values[key] = all_values(records_of(self.run, entry), measuring_of(self.run, entry.cell))
        return self._values[key]
