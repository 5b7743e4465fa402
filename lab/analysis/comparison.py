"""The verdict on two sides of paired repetitions: better, same, worse, or undecided and how many more would decide.

The unit is the repetition: its figure is one number, however many chunks it came from. A change counts when it is beyond
*both* floors, a relative one (on the logarithm of head/base) and an absolute one (on head − base), because 5 % of nothing is
nothing and 1 ms of a second is nothing either. Each scale has its interval (`signflip`), and so

- **worse**: the change is not zero at a level that holds for the whole family of comparisons, and the 90 % interval lies
  beyond the floors on both scales; **better** is its mirror;
- **same**: the 90 % interval lies within the floor on either scale. These are two one-sided tests at 5 % (Schuirmann 1987),
  and a check passes only when all comparisons do, which needs no correction (Berger 1982, intersection-union);
- **undecided** otherwise. Nothing is ever the same because too little was measured.

The correction is Bonferroni's (Dunn 1961): 2.5 % a side over all comparisons of a check, so that identical code is called
worse in 2.5 % of checks at the very most, whatever the noise, and far more rarely where the floors exceed the noise. Holm's
would gain a little only when several cells are worse at once, which the first of them already decides.

Chosen by simulation (`tests/analysis/test_comparison.py` holds the rule to it). Asking the corrected interval itself to lie
beyond the floors finds +2 ms on 20 ms ± 0.5 ms in 92 % of checks of 12 pairs, this rule in 100 %; asking only that the point
estimate be beyond them finds no more, and calls identical code worse in 3 % of checks when the noise is 10 % of the figure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from lab.analysis.arrays import Floats
from lab.analysis.signflip import Interval, interval, pairs_to_refuse, tail

Verdict = Literal["better", "same", "worse", "undecided"]

# Of the family of all comparisons of a check, on each side.
FAMILY_ALPHA = 0.025
# Of one comparison's interval on each side: how large a change is.
SIZE_ALPHA = 0.05
# A comparison that needed more pairs than this will not be decided by measuring longer.
_NEVER_PAIRS = 1000
_Z_SIZE = NormalDist().inv_cdf(1 - SIZE_ALPHA)


@dataclass(frozen=True)
class Floor:
    """What is too small to matter. `relative` is a share of the base, `absolute` in the metric's own unit."""

    relative: float = 0.05
    absolute: float = 1.0
    higher_is_better: bool = False


# Chunks per read: one chunk in ten that comes with another. Stall ratio, fluidity: one hundredth of the streaming time or of
# the deadlines, below which one late chunk in a hundred decides. Durations: a millisecond, which nobody sees.
_FLOORS = {"chunks_per_read": Floor(absolute=0.1), "fluidity_index": Floor(absolute=0.01, higher_is_better=True)}
_STALL_FLOOR = Floor(absolute=0.01)


def floor_of(metric: str) -> Floor:
    """Return the floors of a column of summary.csv."""
    return _STALL_FLOOR if metric.startswith("stall_ratio_") else _FLOORS.get(metric, Floor())


@dataclass(frozen=True)
class Comparison:
    """What two sides amount to. `base`, `head`: medians; `ratio`: head/base, with the ends of its 90 % interval.

    `difference`, `difference_low`, `difference_high`: the same for head − base, in the metric's unit. Ratios are None where
    a figure is not above 0: then only differences are judged, against the absolute floor. An end is None while there are too
    few pairs to have one. `more`: how many more pairs would decide; 0 when it is decided, None when no number would.
    """

    verdict: Verdict
    pairs: int
    base: float
    head: float
    ratio: float | None
    low: float | None
    high: float | None
    difference: float
    difference_low: float | None
    difference_high: float | None
    more: int | None


@dataclass(frozen=True)
class _Scale:
    """One way to measure a change, positive for worse: its interval, and how surely it is not zero in either direction."""

    size: Interval
    floor: float
    not_worse: float
    not_better: float


def compare(base: Sequence[float], head: Sequence[float], floor: Floor, family: int) -> Comparison:
    """Compare `head` to `base`, the figures of paired repetitions: same length, at least one pair.

    `family`: how many comparisons the check makes in all.
    """
    bases, heads = np.asarray(base, dtype=np.float64), np.asarray(head, dtype=np.float64)
    sign = -1.0 if floor.higher_is_better else 1.0
    differences = heads - bases
    scales = [_scale(sign * differences, floor.absolute)]
    ratio = low = high = None
    if bases.min() > 0 and heads.min() > 0:
        logs = np.log(heads / bases)
        scales.append(_scale(sign * logs, math.log1p(floor.relative)))
        ratio, low, high = (None if end is None else math.exp(end) for end in _ends(scales[1].size, sign))
    alpha = FAMILY_ALPHA / family
    verdict = _verdict(scales, alpha)
    difference, difference_low, difference_high = _ends(scales[0].size, sign)
    return Comparison(
        verdict=verdict,
        pairs=bases.size,
        base=float(np.median(bases)),
        head=float(np.median(heads)),
        ratio=ratio,
        low=low,
        high=high,
        difference=difference,
        difference_low=difference_low,
        difference_high=difference_high,
        more=0 if verdict != "undecided" else _more(scales, bases.size, alpha),
    )


def _scale(changes: Floats, floor: float) -> _Scale:
    not_worse, not_better = tail(changes, floor), tail(-changes, floor)
    return _Scale(interval(changes, floor, SIZE_ALPHA), floor, not_worse, not_better)


def _ends(size: Interval, sign: float) -> tuple[float, float | None, float | None]:
    """Estimate, low and high, as head against base again."""
    low, high = (end if math.isfinite(end) else None for end in sorted((sign * size.low, sign * size.high)))
    return sign * size.estimate, low, high


def _verdict(scales: Sequence[_Scale], alpha: float) -> Verdict:
    if all(each.not_worse <= alpha and each.size.low > each.floor for each in scales):
        return "worse"
    if all(each.not_better <= alpha and each.size.high < -each.floor for each in scales):
        return "better"
    if any(-each.floor <= each.size.low and each.size.high <= each.floor for each in scales):
        return "same"
    return "undecided"


def _more(scales: Sequence[_Scale], pairs: int, alpha: float) -> int | None:
    """From the spread so far, as if it were normal: an estimate, and never a promise."""
    beyond = all(abs(each.size.estimate) > each.floor for each in scales)
    if beyond:
        enough = max(_pairs_beyond(each, pairs, alpha) for each in scales)
    else:
        enough = min(_pairs_within(each, pairs) for each in scales)
    return max(1, math.ceil(enough) - pairs) if enough <= _NEVER_PAIRS else None


def _pairs_beyond(scale: _Scale, pairs: int, alpha: float) -> float:
    change = abs(scale.size.estimate)
    spread = _spread(scale, pairs)
    z_family = NormalDist().inv_cdf(1 - alpha)
    size, family = _Z_SIZE * spread / (change - scale.floor), z_family * spread / change
    return max(size**2, family**2, pairs_to_refuse(alpha))


def _pairs_within(scale: _Scale, pairs: int) -> float:
    margin = scale.floor - abs(scale.size.estimate)
    if margin <= 0:
        return math.inf
    return max((_Z_SIZE * _spread(scale, pairs) / margin) ** 2, pairs_to_refuse(SIZE_ALPHA))


def _spread(scale: _Scale, pairs: int) -> float:
    """Of one pair's change. While the interval is open nothing is known of it, and one floor is as good a guess as any."""
    width = scale.size.high - scale.size.low
    return width / (2 * _Z_SIZE) * math.sqrt(pairs) if math.isfinite(width) else scale.floor
