"""The check itself: pairs and budgets of a run, judged. What `lab check` shows, and what `lab run --until-decided` asks.

The rule: everything that was asked for is judged or named as invalid with the reason; a check of nothing is refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from lab.analysis.comparison import compare, floor_of
from lab.errors import UsageError
from lab.gate.baseline import read_baseline
from lab.gate.budgets import asked, judged
from lab.gate.figures import Figures
from lab.gate.settings import fingerprint, other_machine
from lab.gate.sides import Pair, Side, in_ratio_to_reference, pairs_by_axis, pairs_by_cell, sides_of, without_partner
from lab.gate.verdicts import Check, Compared
from lab.model.budget import COLUMNS
from lab.trace.store import open_run

DEFAULT_METRICS = ("ttfc_ms_p50",)
# The lab's own errors are no property of what is measured: they decide whether a repetition counts.
METRICS = tuple(name for name in COLUMNS if not name.startswith(("emit_lag_", "read_lag_", "path_error_")))


@dataclass(frozen=True)
class Wishes:
    """What is to be checked: against a baseline, along an axis of the run, or budgets alone."""

    baseline: Path | None = None
    axis: str = ""
    base: str = ""
    metrics: tuple[str, ...] = DEFAULT_METRICS
    budgets: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Against:
    """The other side: pairs, what it is in words, and what a person should know about it."""

    pairs: Sequence[Pair] = ()
    words: str = "budgets only"
    notes: tuple[str, ...] = ()


def check(figures: Figures, wishes: Wishes) -> Check:
    """Judge a run. Raises UsageError for wishes that cannot be met, StorageError."""
    metrics = tuple(dict.fromkeys(wishes.metrics))
    if unknown := [metric for metric in metrics if metric not in METRICS]:
        raise UsageError(f"--metric {unknown[0]}: no such metric: there are {', '.join(METRICS)}")
    against = _against(figures, wishes)
    budgets = asked(figures.run.info, wishes.budgets)
    if not against.pairs and not budgets:
        raise UsageError("nothing to check: give --baseline, --axis with --base, or a --budget (the scenario has none)")
    info = figures.run.info
    return Check(
        run=figures.run.path.name,
        against=against.words,
        compared=tuple(compared(against.pairs, metrics, len(against.pairs) * len(metrics))),
        budgets=tuple(judged(figures, budgets)),
        problems=() if info.finished else ("the run was not finished: go on with lab run --resume",),
        notes=against.notes,
    )


def _against(figures: Figures, wishes: Wishes) -> _Against:
    sides = sides_of(figures)
    if wishes.axis:
        pairs = pairs_by_axis(sides, wishes.axis, wishes.base)
        return _Against(pairs, f"{wishes.axis} = {wishes.base}, in the same run", _left_out(pairs, sides, "this run"))
    if wishes.baseline is None:
        return _Against()
    bases, environment = _baseline(wishes.baseline)
    pairs = pairs_by_cell(bases, sides)
    notes = (*_left_out(pairs, sides, "the run"), *_left_out(pairs, bases, "the baseline"))
    if difference := other_machine(environment, fingerprint(figures.run.info.environment)):
        scaled = in_ratio_to_reference(pairs, difference)
        note = f"the baseline is from another kind of machine ({difference}): durations are in ratio to a cell of both"
        return _Against(scaled, str(wishes.baseline), (note, *notes))
    return _Against(pairs, str(wishes.baseline), notes)


def _left_out(pairs: Iterable[Pair], sides: Iterable[Side], whose: str) -> tuple[str, ...]:
    names = without_partner(pairs, sides)
    return (f"not compared, no partner: {', '.join(names)} of {whose}",) if names else ()


def _baseline(path: Path) -> tuple[list[Side], Mapping[str, JsonValue]]:
    """From a run's directory or a baseline's file."""
    if path.is_dir():
        figures = Figures(open_run(path))
        return sides_of(figures), fingerprint(figures.run.info.environment)
    baseline = read_baseline(path)
    return baseline.sides(), baseline.environment


def compared(pairs: Iterable[Pair], metrics: Sequence[str], family: int) -> Iterator[Compared]:
    """Each metric of each pair with its verdict, as one of `family` comparisons that a check makes. Raises StorageError."""
    for pair in pairs:
        for metric in metrics:
            yield _one(pair, metric, family)


def _one(pair: Pair, metric: str, family: int) -> Compared:
    floor = floor_of(metric)
    problem = pair.base.problem or pair.head.problem
    base, head = ([], []) if problem else pair.in_common(metric)
    found = compare(base, head, floor, family) if base else None
    reason = problem or ("" if base else f"no repetition has a {metric} on both sides")
    return Compared(
        pair.head.cell, pair.base.cell, pair.head.axes, metric, floor, tuple(base), tuple(head), found, reason
    )
