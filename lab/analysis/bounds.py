"""Between which bounds a figure of a cell lies, from its repetitions: what a budget is checked against, never the point.

The rule: repetitions are drawn, not chunks, because the chunks of one repetition share its fate (a cluster bootstrap:
Davison & Hinkley 1997, section 3.8). A bound that so few values cannot give is None. What was seen needs no bound: a maximum
was reached, whatever the repetitions to come may do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lab.analysis.arrays import Floats, Ints
from lab.model.budget import OPERATORS, Rule

# With fewer, the range of all repetitions misses the middle of what they were drawn from in more than one case in twenty
# (2^(1 − n) > 0.05 for n ≤ 5), and no bootstrap of them can do better.
FEWEST_REPETITIONS = 6
# On each side, over all budgets of a check.
ALPHA = 0.025
# Enough that twenty draws lie beyond the bound of one budget alone; a fixed seed, so that a verdict is reproducible.
_DRAWS = 2000
_SEED = 1

# A quantile has a bound on a side when values lay beyond it there, in all likelihood: qᴺ ≤ 0.05, which is 5 values for a
# median, 59 for a p95 and 299 for a p99. A bootstrap would give the largest value seen, and be wrong in every second case.
_UNSEEN = 0.05
# A budget that needed more repetitions than this is not decided by measuring longer.
_NEVER_REPETITIONS = 1000

Kept = Literal["ok", "worse", "undecided"]


@dataclass(frozen=True)
class Bounded:
    """A figure and its bounds, which are None when there are too few repetitions, or values, to know them.

    `more`: about how many more repetitions would decide; 0 when it is decided, None when no number would.
    """

    value: float
    low: float | None
    high: float | None
    more: int | None = 0


def bounded(rule: Rule, samples: Sequence[Floats], family: int, pooled: float | None = None) -> Bounded | None:
    """Return what `rule` speaks of, with bounds that hold for `family` budgets together; None if nothing was measured.

    `samples`: one array for each repetition, NaN for what was not measured. `pooled`: the cell's own figure, for `value`.
    """
    known = [each[~np.isnan(each)] for each in samples]
    known = [each for each in known if each.size]
    if not known:
        return None
    values = np.concatenate(known)
    value = _aggregate(rule, values) if pooled is None else pooled
    if rule.aggregate in ("min", "max"):
        return Bounded(value, value, value)
    if len(known) < FEWEST_REPETITIONS:
        return _with_more(rule, Bounded(value, None, None), len(known), values.size)
    draws = _draws(rule, known)
    alpha = ALPHA / family
    low, high = float(np.quantile(draws, alpha)), float(np.quantile(draws, 1 - alpha))
    below, above = _known(rule, values.size)
    figure = Bounded(value, min(low, value) if below else None, max(high, value) if above else None)
    return _with_more(rule, figure, len(known), values.size)


def _known(rule: Rule, count: int) -> tuple[bool, bool]:
    """Whether so many values give a lower and an upper bound."""
    share = _share(rule)
    return (True, True) if share is None else ((1 - share) ** count <= _UNSEEN, share**count <= _UNSEEN)


def kept(rule: Rule, figure: Bounded) -> Kept:
    """Return "ok" if the whole interval keeps the rule, "worse" if all of it breaches it."""
    low = -math.inf if figure.low is None else figure.low
    high = math.inf if figure.high is None else figure.high
    holds = OPERATORS[rule.comparator]
    ends = holds(low, rule.limit), holds(high, rule.limit)
    inside = low < rule.limit < high
    if rule.comparator in ("==", "!=") and inside:
        return "undecided"
    return "ok" if all(ends) else "undecided" if any(ends) else "worse"


def _with_more(rule: Rule, figure: Bounded, repetitions: int, values: int) -> Bounded:
    """The figure with what would decide: an estimate from the bound on the limit's side, and never a promise."""
    if kept(rule, figure) != "undecided":
        return figure
    share, bound = _share(rule), figure.high
    if rule.limit < figure.value:
        share, bound = None if share is None else 1 - share, figure.low
    if bound is None:
        enough = max(FEWEST_REPETITIONS, _values_for_a_bound(share) * repetitions / values)
    elif rule.limit == figure.value:
        enough = math.inf
    else:  # bounds draw together with the root of the number
        enough = repetitions * ((bound - figure.value) / (rule.limit - figure.value)) ** 2
    more = max(1, math.ceil(enough) - repetitions) if enough <= _NEVER_REPETITIONS else None
    return replace(figure, more=more)


def _values_for_a_bound(share: float | None) -> float:
    """How many values lie beyond the quantile `share` once, in all likelihood; a mean needs none."""
    if not share:
        return 0
    return math.inf if share >= 1 else math.log(_UNSEEN) / math.log(share)


def _aggregate(rule: Rule, values: Floats) -> float:
    if (share := _share(rule)) is not None:
        return float(np.quantile(values, share))
    return float({"min": np.min, "max": np.max}.get(rule.aggregate, np.mean)(values))


def _share(rule: Rule) -> float | None:
    """The quantile that is asked for; None for a mean."""
    if rule.aggregate == "med":
        return 0.5
    return rule.percent / 100 if rule.percent is not None else None


def _draws(rule: Rule, samples: Sequence[Floats]) -> Floats:
    """The figure in each of so many draws of whole repetitions with replacement."""
    drawn = np.random.default_rng(_SEED).multinomial(len(samples), np.full(len(samples), 1 / len(samples)), size=_DRAWS)
    share = _share(rule)
    if share is None:
        sizes, sums = np.array([each.size for each in samples]), np.array([each.sum() for each in samples])
        means: Floats = (drawn @ sums) / (drawn @ sizes)
        return means
    values = np.concatenate(samples)
    order = np.argsort(values)
    repetition = np.repeat(np.arange(len(samples)), [each.size for each in samples])[order]
    return np.array([_weighted_quantile(values[order], counts[repetition], share) for counts in drawn])


def _weighted_quantile(values: Floats, counts: Ints, share: float) -> float:
    """As `np.quantile` of the sorted `values`, each of them `counts` times, without making the copies."""
    reached = np.cumsum(counts)
    place = share * (int(reached[-1]) - 1)
    below, above = np.searchsorted(reached, [math.floor(place), math.ceil(place)], side="right")
    return float(values[below] + (place - math.floor(place)) * (values[above] - values[below]))
