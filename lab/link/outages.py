"""Losing by time: bursts that come and go by chance, and blackouts that come when they were told to.

The rule: the clock is time and never the number of packets. TCP sends ever more rarely into a loss, so a state that only
packets could end would last the longer the worse it is.
"""

from bisect import bisect_right
from collections.abc import Sequence
from random import Random

from lab.link.loss import Losing
from lab.link.packet import BLACKOUT, BURST, Packet
from lab.link.stage import Report


class GilbertElliott(Losing):
    """Two states with exponential stays of mean `good_ns` and `bad_ns`, each with a loss probability of its own.

    The states are drawn from a seed of their own, and one number per packet from another: the same seed gives the same
    bursts at the same times, and to packets at the same times the same fate. It begins as if it had always run.
    """

    verdict = BURST

    def __init__(self, stays_ns: tuple[int, int], losses: tuple[float, float], seed: str, report: Report) -> None:
        super().__init__(report)
        self._stays_ns = stays_ns
        self._losses = losses
        self._random = Random(f"{seed}/packets").random
        self._chain = Random(f"{seed}/states")
        good_ns, bad_ns = stays_ns
        self._state = int(self._chain.random() * (good_ns + bad_ns) < bad_ns)
        self._until_ns = self._stay_ns()

    def loses(self, packet: Packet, now_ns: int) -> bool:
        while now_ns - self._zero_ns >= self._until_ns:
            self._state = 1 - self._state
            self._until_ns += self._stay_ns()
        return self._random() < self._losses[self._state]

    def _stay_ns(self) -> int:
        return int(self._chain.expovariate(1 / self._stays_ns[self._state]))


class Blackouts(Losing):
    """Everything is lost in `periods` ((from, to) in ns, to excluded); after `every_ns` they begin anew."""

    verdict = BLACKOUT

    def __init__(self, periods: Sequence[tuple[int, int]], every_ns: int | None, report: Report) -> None:
        super().__init__(report)
        self._begins = [begin_ns for begin_ns, _ in periods]
        self._ends = [end_ns for _, end_ns in periods]
        self._every_ns = every_ns

    def loses(self, packet: Packet, now_ns: int) -> bool:
        at_ns = now_ns - self._zero_ns
        if self._every_ns is not None:
            at_ns %= self._every_ns
        period = bisect_right(self._begins, at_ns) - 1
        return period >= 0 and at_ns < self._ends[period]
