"""By how much two sides differ, from paired repetitions: an estimate, and the interval that a sign-flip test cannot reject.

If the sides differ by θ and by nothing else, each pair's difference is as likely to lie so far above θ as below it. So the
differences less θ may be given any signs, and θ is refused when too few of the 2ⁿ choices of signs lie as far out as what
was seen (Fisher 1935). The interval holds every θ that is not refused: exact for any symmetric noise, however its spread
changes from pair to pair, which no bootstrap of twelve pairs is (Hartigan 1969, "Using subsample values as typical values").

A difference counts by at most one `width` (Huber's score; its exact interval: Maritz 1979, "A note on exact robust
confidence intervals for location"). Within the width that is the mean, the most precise; beyond it the median, which one
stolen time slice in twelve pairs cannot move. The width is fixed beforehand, not taken from the data, so the test stays
exact and every bound is the end of a monotone search.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from lab.analysis.arrays import Floats

# All choices of signs up to so many pairs; beyond, a seeded draw, which is as exact with the choice that was seen among them
# (Phipson & Smyth 2010, "Permutation p-values should never be zero").
_EXACT_PAIRS = 24
_DRAWS = 2**14
# How finely bounds are searched for, in widths: a nanosecond of a millisecond.
_FINENESS = 1e-6
# Sums of a few scores that differ by rounding alone are equal.
_TIE = 1e-12


@dataclass(frozen=True)
class Interval:
    """In the unit of the differences. An end is infinite when there are too few pairs to refuse anything on its side."""

    estimate: float
    low: float
    high: float


def interval(differences: Floats, width: float, alpha: float) -> Interval:
    """Return the estimate and the interval that misses the truth with probability `alpha` at most on each side.

    `differences`: shape (pairs,), at least one; `width` above 0, in their unit.
    """
    low, high = _lower(differences, width, alpha), -_lower(-differences, width, alpha)
    centre = (_centre(differences, width) - _centre(-differences, width)) / 2
    return Interval(centre, low, high)


def tail(differences: Floats, width: float, theta: float = 0.0) -> float:
    """Return how likely differences so far above `theta` are if the truth is `theta` or less: a one-sided p."""
    scores = np.clip((differences - theta) / width, -1.0, 1.0)
    # Flipping a set of signs leaves the sum at least as large exactly when the scores of the set sum to 0 or less.
    if scores.size > _EXACT_PAIRS:
        return int(np.count_nonzero(_drawn(scores.size) @ scores <= _TIE)) / _DRAWS
    return math.ldexp(_sets_up_to_zero(scores), -scores.size)


def _sets_up_to_zero(scores: Floats) -> int:
    """How many sets of scores sum to 0 or less: each half's sums are listed, and one list is looked up in the other."""
    half = scores.size // 2
    left, right = _sets(half) @ scores[:half], np.sort(_sets(scores.size - half) @ scores[half:])
    return int(np.searchsorted(right, _TIE - left, side="right").sum())


def pairs_to_refuse(alpha: float) -> int:
    """Return the fewest pairs with which anything can be refused at `alpha` a side: 2⁻ⁿ ≤ α."""
    return math.ceil(-math.log2(alpha) - _TIE)


def _lower(differences: Floats, width: float, alpha: float) -> float:
    """The smallest θ that is not refused as being too small."""

    def refused(theta: float) -> bool:
        return tail(differences, width, theta) <= alpha

    below = float(differences.min()) - width
    return _first_not(refused, below, float(differences.max()), width) if refused(below) else -math.inf


def _centre(differences: Floats, width: float) -> float:
    """The smallest θ about which the scores balance."""

    def too_low(theta: float) -> bool:
        return float(np.clip((differences - theta) / width, -1.0, 1.0).sum()) > _TIE

    return _first_not(too_low, float(differences.min()) - width, float(differences.max()), width)


def _first_not(holds: Callable[[float], bool], inside: float, outside: float, width: float) -> float:
    """The end of the range from `inside` on in which `holds`, which does not hold at `outside`."""
    while outside - inside > _FINENESS * width:
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return outside


@cache
def _sets(count: int) -> Floats:
    """Every set of so many: shape (2ᶜᵒᵘⁿᵗ, count) of 0 and 1."""
    return ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.float64)


@cache
def _drawn(count: int) -> Floats:
    """Sets of so many, drawn: shape (draws, count), the first of them empty."""
    drawn = np.random.default_rng(count).integers(0, 2, size=(_DRAWS, count)).astype(np.float64)
    drawn[0] = 0.0
    return drawn
