"""The two sides of a comparison, cell by cell: what each repetition's figures were, and who is paired with whom.

The rule: repetition k of one side is paired with repetition k of the other, by slot, and cells are paired by the values of
their axes. What cannot be compared is refused with the reason; nothing is left out in silence.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lab.analysis import words
from lab.errors import UsageError
from lab.gate.figures import Figures
from lab.gate.settings import Axes, Conditions, conditions, disagreement, is_reference, key_of
from lab.model.matrix import written
from lab.model.values import parse_value

BySlot = dict[int, float]


@dataclass(frozen=True)
class Side:
    """A cell of one side. `figures` gives a metric by slot; `problem` says why there are none, or is empty."""

    cell: str
    axes: Axes
    conditions: Conditions
    reference: bool
    problem: str
    figures: Callable[[str], BySlot]


@dataclass(frozen=True)
class Pair:
    """Two cells that are compared, under the head's name and axes."""

    base: Side
    head: Side

    def in_common(self, metric: str) -> tuple[list[float], list[float]]:
        """The figures of the repetitions that both have, in the order of their slots."""
        base, head = self.base.figures(metric), self.head.figures(metric)
        slots = sorted(base.keys() & head.keys())
        return [base[slot] for slot in slots], [head[slot] for slot in slots]


def sides_of(figures: Figures) -> list[Side]:
    """Every cell of a run."""
    return [
        Side(
            cell=cell.cell,
            axes=cell.axes,
            conditions=conditions(cell),
            reference=is_reference(cell),
            problem=figures.problem(cell.cell),
            figures=partial(figures.by_slot, cell.cell),
        )
        for cell in figures.run.info.cells
    ]


def pairs_by_axis(sides: Sequence[Side], axis: str, base: str) -> list[Pair]:
    """Within one run: each cell with the one that differs from it in `axis` only, where it is `base`. Raises UsageError."""
    base = written(parse_value(base))
    values = list(dict.fromkeys(written(side.axes[axis]) for side in sides if axis in side.axes))
    if not values:
        axes = dict.fromkeys(name for side in sides for name in side.axes)
        raise UsageError(f"--axis {axis}: no cell of this run has it: its axes are {', '.join(axes) or 'none'}")
    if base not in values:
        raise UsageError(f"--base {base}: {axis} has the values {', '.join(values)}")
    concerned = [side for side in sides if axis in side.axes]
    bases = {key_of(side.axes, axis): side for side in concerned if written(side.axes[axis]) == base}
    heads = [side for side in concerned if written(side.axes[axis]) != base]
    pairs = [Pair(bases[key], side) for side in heads if (key := key_of(side.axes, axis)) in bases]
    if not pairs:
        raise UsageError(f"--axis {axis} --base {base}: no two cells of this run differ in {axis} alone")
    return pairs


def pairs_by_cell(bases: Sequence[Side], heads: Sequence[Side]) -> list[Pair]:
    """Between two runs: the cells with the same values of the axes. Raises UsageError where they are not comparable."""
    known = {key_of(side.axes): side for side in bases}
    pairs = [Pair(known[key], side) for side in heads if (key := key_of(side.axes)) in known]
    if not pairs:
        raise UsageError(
            f"the run and its baseline have no cell in common: the run has {_listed(heads)}; the baseline {_listed(bases)}"
        )
    for pair in pairs:
        if differing := disagreement(pair.base.conditions, pair.head.conditions):
            raise UsageError(
                f"cell {pair.head.cell} was measured under other conditions in the baseline: {differing}: "
                "these are two scenarios; make a new baseline with lab baseline"
            )
    return pairs


def _listed(sides: Sequence[Side]) -> str:
    return ", ".join(f"{side.cell} ({words.axes(side.axes) or 'no axes'})" for side in sides) or "none"


def without_partner(pairs: Iterable[Pair], sides: Iterable[Side]) -> list[str]:
    """The names of the cells that take part in no pair."""
    paired = {id(side) for pair in pairs for side in (pair.base, pair.head)}
    return [side.cell for side in sides if id(side) not in paired]


def in_ratio_to_reference(pairs: Sequence[Pair], difference: str) -> list[Pair]:
    """The pairs with the base's durations as this machine would have had them, judged by a reference cell of both.

    A duration is scaled, repetition by repetition, by how much slower this machine was in the reference cell; what has no
    unit is compared as it is. Raises UsageError when there is no such cell with figures on both sides.
    """
    usable = [pair for pair in pairs if pair.base.reference and pair.head.reference and not pair.head.problem]
    if not usable:
        raise UsageError(
            f"the baseline is from another kind of machine ({difference}) and no cell measures both of them: to compare in "
            "ratios, both need a cell on loopback with flush = every and nodelay = true; or make a baseline on this machine"
        )
    yardstick = usable[0]
    others = [pair for pair in pairs if pair is not yardstick]
    if not others:
        raise UsageError(
            f"the baseline is from another kind of machine ({difference}) and its reference, {yardstick.head.cell}, is "
            "the only cell in common: make a baseline on this machine"
        )
    return [Pair(_scaled(pair.base, yardstick), pair.head) for pair in others]


def _scaled(base: Side, yardstick: Pair) -> Side:
    def figures(metric: str) -> BySlot:
        found = base.figures(metric)
        if "_ms" not in metric:
            return found
        there, here = yardstick.base.figures(metric), yardstick.head.figures(metric)
        slots = [slot for slot in found if there.get(slot, 0) > 0 and slot in here]
        return {slot: found[slot] * here[slot] / there[slot] for slot in slots}

    return replace(base, figures=figures)
