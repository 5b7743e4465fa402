"""The budgets of a run: those of its scenario, by cell, and those of the command line, for every cell; each judged.

The rule: a column that is a quantile is judged as that quantile of all its values, so that `ttfc_ms_p95 value<120` and
`ttfc_ms p(95)<120` are the same demand; other columns are judged by their repetitions.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue

from lab.analysis.bounds import Bounded, bounded, kept
from lab.errors import UsageError
from lab.gate.figures import Figures
from lab.gate.verdicts import Budgeted
from lab.model.budget import QUANTITIES, Rule, Rules, parse_budget, parse_budget_option
from lab.trace.run_info import RunInfo

_QUANTILE = re.compile(r"(\w+_ms)_p(\d+)")
# Columns that are the largest of their repetitions' own.
_LARGEST = ("gap_ms_max", "startup_buffer_ms")


class Asked(NamedTuple):
    """One rule for one cell."""

    cell: str
    metric: str
    rule: Rule


def asked(info: RunInfo, everywhere: Sequence[str]) -> list[Asked]:
    """All budgets of a run. Raises UsageError for one that cannot be read."""
    try:
        common = [parse_budget_option(text) for text in everywhere]
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from error
    found = []
    for cell in info.cells:
        own = [(metric, rule) for metric, rules in _own(cell.settings).items() for rule in rules]
        found += [Asked(cell.cell, metric, rule) for metric, rule in dict.fromkeys([*own, *common])]
    return found


def _own(settings: Mapping[str, JsonValue]) -> Rules:
    try:
        return parse_budget(settings.get("budget", {}))
    except ValueError as error:
        raise UsageError(f"the run's budget: {error}: it was made by another version of the lab") from error


def judged(figures: Figures, budgets: Sequence[Asked]) -> Iterator[Budgeted]:
    """Each with its verdict. Raises StorageError."""
    for cell, metric, rule in budgets:
        problem = figures.problem(cell)
        found = None if problem else _bounded(figures, cell, metric, rule, len(budgets))
        if found is None:
            reason = problem or f"{metric} was not measured in {cell}"
            yield Budgeted(cell, metric, rule, None, "invalid", reason)
        else:
            yield Budgeted(cell, metric, rule, found, kept(rule, found))


def _bounded(figures: Figures, cell: str, metric: str, rule: Rule, family: int) -> Bounded | None:
    if metric in QUANTITIES:
        return bounded(rule, figures.samples(cell, metric), family)
    if rule.aggregate != "value":
        return bounded(rule, figures.column(cell, metric), family)
    if match := _QUANTILE.fullmatch(metric):
        quantile = rule.model_copy(update={"aggregate": "p", "percent": float(match[2])})
        return bounded(quantile, figures.samples(cell, match[1]), family)
    if metric in _LARGEST:
        largest = rule.model_copy(update={"aggregate": "max"})
        return bounded(largest, figures.column(cell, metric), family)
    return bounded(rule, figures.column(cell, metric), family, figures.pooled(cell, metric))
