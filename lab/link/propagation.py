"""The distance: every packet arrives a delay later, with jitter if asked for. The last stage of a link.

The rule: order is kept. A packet never leaves before the one in front of it, so jitter stretches and bunches packets but
does not make TCP see reordering.
"""

from random import Random

from lab.link.packet import Packet
from lab.link.stage import Stage


class Propagation(Stage):
    """`delay_ns` one way, with a normal deviation of `jitter_ns` (σ) that is cut off at a delay of zero.

    Normal is what tc-netem(8) offers as `distribution normal`. Keeping the order turns a delay into the running maximum
    of those before it: where packets are closer together than the jitter, the mean delay grows. One random number is
    drawn per packet, so the same seed gives the same deviations by index.
    """

    def __init__(self, delay_ns: int, jitter_ns: int, seed: str) -> None:
        super().__init__()
        self.floor_ns = 0 if jitter_ns else delay_ns
        self._delay_ns = delay_ns
        self._jitter_ns = jitter_ns
        self._gauss = Random(seed).gauss
        self._last_ns = 0

    def put(self, packet: Packet, now_ns: int) -> None:
        """Decide when the packet, that starts on its way at `now_ns`, is there."""
        due_ns = now_ns + self._delay_ns
        if self._jitter_ns:
            due_ns = max(now_ns, due_ns + int(self._gauss(0.0, self._jitter_ns)))
        if due_ns < self._last_ns:
            due_ns = self._last_ns
        self._last_ns = packet.t_due_ns = due_ns
        self._line.append(packet)
