"""The one shape of every stage of a link, and the queue that all of them are.

The rule: a packet's times are decided when it is put, from the instant at which it really reached the stage, and never
from the instant at which somebody got round to calling `take`. So the lateness of the caller does not accumulate.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator

from lab.link.packet import Packet

Report = Callable[[Packet], None]
"""Told of every packet that a stage drops; the packet's `verdict` says why."""


class Stage(ABC):
    """Packets in, the same packets out in the same order, each at its `t_due_ns` or later.

    `floor_ns` is the least time a packet spends here: it lets a caller sleep through this stage towards the next one.
    `overtakes` says that a packet may leave before one that came before it.
    """

    floor_ns = 0
    overtakes = False

    def __init__(self) -> None:
        self._line: deque[Packet] = deque()
        self._zero_ns = 0

    def start(self, at_ns: int) -> None:
        """What changes with time counts from `at_ns`. Called before the first packet, or not at all: then from zero."""
        self._zero_ns = at_ns

    @abstractmethod
    def put(self, packet: Packet, now_ns: int) -> None:
        """Accept a packet that arrives at `now_ns`; instants must not decrease from call to call."""

    def take(self, now_ns: int) -> Packet | None:
        """The next packet that leaves by `now_ns`, or None."""
        line = self._line
        if line and line[0].t_due_ns <= now_ns:
            return line.popleft()
        return None

    def deadline(self) -> int | None:
        """The instant at which the next packet leaves (ns), or None while there is none."""
        return self._line[0].t_due_ns if self._line else None

    def held(self) -> Iterator[Packet]:
        """The packets that are in the stage now, first in first."""
        return iter(self._line)
