"""In which order the repetitions of a matrix run: every cell once a round, in a seeded order, every second round backwards.

Interleaving makes a machine's drift fall on all cells alike: with A B B A the differences of any two cells in two rounds
have what a steady drift adds with opposite signs. What turns out invalid goes to the end of the queue, away from whatever
disturbed it, and is run again twice at most.
"""

import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
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

    def __init__(
        self, cells: Iterable[Cell], slots: Mapping[str, int], seed: int, past: dict[tuple[str, int], int]
    ) -> None:
        """`slots`: by cell name, how many rounds it takes part in. `past`: by (cell name, slot), how many attempts it has
        used up; ATTEMPTS means it needs no more.
        """
        self._queue: deque[Slot] = deque()
        cells = list(cells)
        for number in range(1, max(slots.values(), default=0) + 1):
            places = (Slot(cell, number, past.get((cell.name, number), 0)) for cell in _order(cells, seed, number))
            self._queue.extend(each for each in places if number <= slots[each.cell.name] and each.tried < ATTEMPTS)

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


def _order(cells: list[Cell], seed: int, number: int) -> list[Cell]:
    """Of all cells, whoever takes part: so two cells stand in the second round of a pair as they stood in the first."""
    pair, backwards = divmod(number - 1, 2)
    shuffled = random.Random(f"{seed}/order/{pair}").sample(cells, len(cells))
    return shuffled[::-1] if backwards else shuffled
