"""In which order the repetitions of a matrix run: every cell once a round, in a seeded shuffle that differs by round.

Interleaving makes a machine's drift fall on all cells alike. What turns out invalid goes to the end of the queue, away from
whatever disturbed it, and is run again twice at most.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.model.matrix import Cell

ATTEMPTS = 3


@dataclass(frozen=True)
class Slot:
    """A planned place: the `slot`-th repetition of a cell (from 1), and how often it was tried before."""

    cell: Cell
    slot: int
    tried: int = 0


class Schedule:
    """Iterate to get the next slot; `retry` puts one back at the end while it has attempts left."""

    def __init__(self, cells: Iterable[Cell], repeat: int, seed: int, past: dict[tuple[str, int], int]) -> None:
        """`past`: by (cell name, slot), how many attempts it has used up; ATTEMPTS means it needs no more."""
        self._queue: deque[Slot] = deque()
        for number in range(1, repeat + 1):
            cells = list(cells)
            order = random.Random(f"{seed}/order/{number}").sample(cells, len(cells))
            slots = (Slot(cell, number, past.get((cell.name, number), 0)) for cell in order)
            self._queue.extend(slot for slot in slots if slot.tried < ATTEMPTS)

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[Slot]:
        while self._queue:
            yield self._queue.popleft()

    def retry(self, slot: Slot) -> bool:
        """Whether it will be tried again."""
        again = Slot(slot.cell, slot.slot, slot.tried + 1)
        if again.tried >= ATTEMPTS:
            return False
        self._queue.append(again)
        return True

    def waiting(self) -> Iterable[Slot]:
        """What is still to come, for an estimate of the time left."""
        return tuple(self._queue)
