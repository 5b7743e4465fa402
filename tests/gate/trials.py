"""Checks drawn from a pool of pairs, judged by the gate and by the rule that it replaces, and counted.

The rule: a check has some of the pool's pairs, drawn without replacement, kept as pairs and in their order, and it is judged
by `lab.gate` itself. The plain rule sees the same figures, which flatters it: its two runs were interleaved too. Checks of
one pool share pairs, so the bound on a rate (Clopper & Pearson 1934) is that of the draws and not of new machines.
"""

import bisect
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.comparison import FAMILY_ALPHA
from lab.analysis.signflip import pairs_to_refuse
from lab.gate.check import DEFAULT_METRICS, compared
from lab.gate.sides import BySlot, Pair, Side
from lab.gate.verdicts import Check, Compared

METRIC = DEFAULT_METRICS[0]
# "p95 of run A against p95 of run B, 10 %": what people write first.
_PLAIN_PERCENT, _PLAIN_LIMIT = 95, 1.10
# Draws for each number of pairs that is tried.
_LOOKS = 40


def drawn(pair: Pair, count: int, random: np.random.Generator) -> Pair:
    """`count` of its pairs, or all where there are not so many."""
    slots = sorted(pair.base.figures(METRIC).keys() & pair.head.figures(METRIC).keys())
    kept = sorted(slots[place] for place in random.permutation(len(slots))[:count])
    return Pair(_limited(pair.base, kept), _limited(pair.head, kept))


def _limited(side: Side, slots: Sequence[int]) -> Side:
    def figures(metric: str) -> BySlot:
        found = side.figures(metric)
        return {slot: found[slot] for slot in slots if slot in found}

    return replace(side, figures=figures)


def plain_rule(each: Compared) -> bool:
    """Whether the p95 of one side is more than a tenth above that of the other: a regression, by that rule."""
    if not each.base:
        return False
    base, head = (float(np.percentile(side, _PLAIN_PERCENT)) for side in (each.base, each.head))
    return head > _PLAIN_LIMIT * base


@dataclass(frozen=True)
class Identical:
    """What became of so many checks of identical code, by number of checks. `invalid`: there was nothing to compare."""

    checks: int
    worse: int
    undecided: int
    invalid: int
    better: int
    plain_worse: int


def identical(pairs: Sequence[Pair], count: int, checks: int, seed: int) -> Identical:
    """Checks of all `pairs`, `count` repetitions of each, which are of one code on both sides."""
    random = np.random.default_rng(seed)
    made = [_check([drawn(pair, count, random) for pair in pairs]) for _ in range(checks)]
    became = Counter(each.verdict for each in made)
    plain = sum(any(plain_rule(each) for each in check.compared) for check in made)
    return Identical(checks, became["worse"], became["undecided"], became["invalid"], became["better"], plain)


def _check(pairs: Sequence[Pair]) -> Check:
    return Check("drawn", "the same code", tuple(compared(pairs, DEFAULT_METRICS, len(pairs))), (), (), ())


@dataclass(frozen=True)
class Injected:
    """What became of a regression in one cell: its size in the pool, and in how many trials each rule found it.

    `base_ms`: the median figure; `effect_ms`: the median of the pairs' differences; both are None where the pool is empty.
    `pairs_for_half`: with how many pairs half of the draws are worse, None where not even the whole pool is.
    """

    pool: int
    base_ms: float | None
    effect_ms: float | None
    trials: int
    found: int
    plain_found: int
    pairs_for_half: int | None


def injected(pair: Pair, family: int, count: int, trials: int, seed: int) -> Injected:
    """Trials of `count` repetitions each, judged as one of `family` comparisons."""
    random = np.random.default_rng(seed)
    made = [_judged(drawn(pair, count, random), family) for _ in range(trials)]
    base, head = (np.array(side) for side in pair.in_common(METRIC))
    return Injected(
        pool=base.size,
        base_ms=float(np.median(base)) if base.size else None,
        effect_ms=float(np.median(head - base)) if base.size else None,
        trials=trials,
        found=sum(each.verdict == "worse" for each in made),
        plain_found=sum(map(plain_rule, made)),
        pairs_for_half=_pairs_for_half(pair, family, base.size, seed),
    )


def _judged(pair: Pair, family: int) -> Compared:
    (only,) = compared([pair], DEFAULT_METRICS, family)
    return only


def _pairs_for_half(pair: Pair, family: int, pool: int, seed: int) -> int | None:
    """Found by halving, because more pairs find more."""

    def half_are_worse(count: int) -> bool:
        random = np.random.default_rng([seed, count])
        looks = _LOOKS if count < pool else 1
        worse = sum(_judged(drawn(pair, count, random), family).verdict == "worse" for _ in range(looks))
        return 2 * worse >= looks

    if not half_are_worse(pool):
        return None
    fewest = min(pool, pairs_to_refuse(FAMILY_ALPHA / family))
    return bisect.bisect_left(range(pool), True, lo=fewest, key=half_are_worse)


def upper(count: int, total: int) -> float:
    """The rate that gives so few or fewer in one of twenty trials: the one-sided 95 % bound."""
    low, high = count / total, 1.0
    for _ in range(40):
        rate = (low + high) / 2
        fewer = sum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(count + 1))
        low, high = (rate, high) if fewer > 0.05 else (low, rate)
    return high


def rate(count: int, total: int) -> str:
    """`0.0 % (≤ 1.5)`: the share and its bound."""
    return f"{100 * count / total:.1f} % (≤ {100 * upper(count, total):.1f})"
