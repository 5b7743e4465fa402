"""Repetitions side by side: a forge for each, started in the order in which they come, taken as they end.

The rule: one process and one thread hold all forges and take all results, so a run has one writer, and whatever ends the
runner ends every repetition. What cannot judge its neighbours' share has none. Does not judge itself.
"""

import select
from collections.abc import Sequence
from typing import NamedTuple

from lab.model.matrix import Cell
from lab.run.forge import Forge
from lab.run.repetition import Repetition, runs_alone
from lab.run.schedule import Slot


class Task(NamedTuple):
    """A repetition that was started for `slot`; `forge.evidence()` has what came of it, or raises."""

    slot: Slot
    repetition: Repetition
    forge: Forge


class Pool:
    """As many repetitions at a time as there are forges."""

    def __init__(self, forges: Sequence[Forge]) -> None:
        self._idle = list(forges)
        self._tasks: list[Task] = []

    @property
    def size(self) -> int:
        """How many can run at a time."""
        return len(self._idle) + len(self._tasks)

    def admits(self, cell: Cell) -> bool:
        """Whether a repetition of `cell` can be started now: on an idle forge, and beside what runs."""
        alone = any(runs_alone(each.spec) for each in (cell, *(task.slot.cell for task in self._tasks)))
        return bool(self._idle) and not (alone and self._tasks)

    def running(self) -> list[Repetition]:
        """In the order in which they were started."""
        return [task.repetition for task in self._tasks]

    def start(self, slot: Slot, repetition: Repetition) -> None:
        """Have an idle forge conduct it. Raises ForgeEnded."""
        forge = self._idle.pop(0)
        self._tasks.append(Task(slot, repetition, forge))
        forge.begin(repetition)

    def ended(self) -> Task:
        """Wait for one that is over, the one started first if there are several; its forge is idle again."""
        over = select.select([task.forge for task in self._tasks], [], [])[0]
        task = next(task for task in self._tasks if task.forge in over)
        self._tasks.remove(task)
        self._idle.append(task.forge)
        return task
