"""Losing packets: at random, or exactly the ones that were named. The first stage of a link; it takes no time.

Loss comes before the bottleneck, as in netem and in mahimahi's `LossQueue`: a lost packet never occupies the queue. Every
dropped packet is reported with its verdict.
"""

from random import Random

from lab.link.packet import LISTED, LOST, NULL, Packet
from lab.link.stage import Report, Stage


class Bernoulli(Stage):
    """Each packet is lost with `probability`, independently of all others: data, acknowledgements, handshakes alike.

    One random number is drawn per packet, so the same seed loses the same indices whatever the times are.
    """

    def __init__(self, probability: float, seed: str, report: Report) -> None:
        super().__init__()
        self._probability = probability
        self._random = Random(seed).random
        self._report = report

    def put(self, packet: Packet, now_ns: int) -> None:
        """Lose the packet or let it pass at once."""
        if self._random() < self._probability:
            packet.verdict = LOST
            self._report(packet)
            return
        packet.t_due_ns = now_ns
        self._line.append(packet)


class DropList(Stage):
    """Exactly the packets named are lost: the n-th data-carrying packet of this direction on every connection, from 1.

    A retransmission is a packet like any other and counts. Pure acknowledgements, SYN and FIN without data, and
    packets that are not TCP pass uncounted.
    """

    def __init__(self, packets: tuple[int, ...], report: Report) -> None:
        super().__init__()
        self._packets = frozenset(packets)
        self._seen: dict[int, int] = {}
        self._report = report

    def put(self, packet: Packet, now_ns: int) -> None:
        """Lose the packet if it is listed, else let it pass at once."""
        if packet.payload_bytes > 0 and packet.connection != NULL:
            ordinal = self._seen[packet.connection] = self._seen.get(packet.connection, 0) + 1
            if ordinal in self._packets:
                packet.verdict = LISTED
                self._report(packet)
                return
        packet.t_due_ns = now_ns
        self._line.append(packet)
