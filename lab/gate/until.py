"""Which cells need more repetitions before the gate can decide, and when to give up: `lab run --until-decided`.

The rule: only the cells of an undecided comparison get more, always whole rounds of A B B A, and none is added that could
not be measured within the time. Looking again and again could call identical code worse more often; the floors keep it from
that (tests/analysis/test_comparison.py counts it).
"""

import math
from collections.abc import Sequence

from lab.gate import wording
from lab.gate.check import Wishes, check
from lab.gate.figures import Figures
from lab.gate.sides import Side, pairs_by_axis
from lab.gate.verdicts import Compared
from lab.model.matrix import Cell
from lab.trace.run_info import UntilDecided

# One A B B A at the least; and not more at once than leaves room to stop early when the estimate was too high.
_FEWEST, _MOST = 2, 8


def refuse_unless_comparable(cells: Sequence[Cell], wish: UntilDecided) -> None:
    """Raise UsageError when no two cells differ in the wish's axis alone."""
    sides = [Side(cell.name, cell.axes, {}, False, "", lambda _metric: {}) for cell in cells]
    pairs_by_axis(sides, wish.axis, wish.base)


def extend(figures: Figures, wish: UntilDecided) -> str:
    """Give `wish` the slots of the next round, or end it; say in words what was done."""
    found = check(figures, Wishes(axis=wish.axis, base=wish.base))
    undecided = [each for each in found.compared if each.found and each.verdict == "undecided"]
    if not undecided:
        wish.over = True
        return f"decided: {wording.counts(found.compared)}"
    names = ", ".join(each.cell for each in undecided)
    wanted = _wanted(undecided, figures.run.info.repeat, wish)
    left_s = wish.max_time_s - wish.spent_s
    if not wanted or _needed_s(figures, wish, wanted) > left_s:
        wish.over = True
        return f"undecided: {names}: {'the time is over' if wanted else 'and more repetitions would not decide'}"
    for cell, count in wanted.items():
        wish.more[cell] = wish.more.get(cell, 0) + count
    return f"undecided: {names}: up to {max(wanted.values())} more repetitions, {left_s:.0f} s left"


def _wanted(undecided: Sequence[Compared], repeat: int, wish: UntilDecided) -> dict[str, int]:
    """By cell, how many slots it lacks: both of a pair are to have as many, and a base may stand in several pairs."""
    wanted: dict[str, int] = {}
    for each in undecided:
        if each.found is None or each.found.more is None:
            continue
        slots = {cell: repeat + wish.more.get(cell, 0) for cell in (each.base_cell, each.cell)}
        target = min(slots.values()) + _round(each.found.more)
        for cell, has in slots.items():
            wanted[cell] = max(wanted.get(cell, 0), target - has)
    return {cell: count for cell, count in wanted.items() if count > 0}


def _round(more: int) -> int:
    """An even number, so that the rounds backwards are as many as the rounds forwards."""
    return min(_MOST, max(_FEWEST, 2 * math.ceil(more / 2)))


def _needed_s(figures: Figures, wish: UntilDecided, wanted: dict[str, int]) -> float:
    """As long as repetitions have taken so far."""
    return wish.spent_s * sum(wanted.values()) / max(1, len(figures.run.info.repetitions))
