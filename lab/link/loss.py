"""Losing packets: at random, by number, by what is in them. The first stage of a link; it takes no time.

Loss comes before the bottleneck, as in netem and in mahimahi's `LossQueue`: a lost packet never occupies the queue. Every
dropped packet is reported with its verdict. What loses by time stands in `outages.py`.
"""

from abc import abstractmethod
from random import Random

from lab.link.packet import FIN, LISTED, LOST, NULL, TAIL, Packet
from lab.link.stage import Report, Stage

_SEQUENCE_SPACE = 1 << 32
_LAST_CHUNK = b"0\r\n\r\n"
"""RFC 9112 §7.1: the last-chunk and the empty trailer section. Behind a chunk it follows that chunk's CRLF."""


class Losing(Stage):
    """A stage that decides once for each packet: lost, for the reason `verdict`, or through at once."""

    verdict: int

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    @abstractmethod
    def loses(self, packet: Packet, now_ns: int) -> bool:
        """Whether the packet that arrives now is lost. Called once for each."""

    def put(self, packet: Packet, now_ns: int) -> None:
        """Lose the packet or let it pass at once."""
        if self.loses(packet, now_ns):
            packet.verdict = self.verdict
            self._report(packet)
            return
        packet.t_due_ns = now_ns
        self._line.append(packet)


class Bernoulli(Losing):
    """Each packet is lost with `probability`, independently of all others: data, acknowledgements, handshakes alike.

    One random number is drawn per packet, so the same seed loses the same indices whatever the times are.
    """

    verdict = LOST

    def __init__(self, probability: float, seed: str, report: Report) -> None:
        super().__init__(report)
        self._probability = probability
        self._random = Random(seed).random

    def loses(self, packet: Packet, now_ns: int) -> bool:
        return self._random() < self._probability


class DropList(Losing):
    """Exactly the packets named are lost: the n-th data-carrying packet of this direction on every connection, from 1.

    A retransmission is a packet like any other and counts. Pure acknowledgements, SYN and FIN without data, and
    packets that are not TCP pass uncounted.
    """

    verdict = LISTED

    def __init__(self, packets: tuple[int, ...], report: Report) -> None:
        super().__init__(report)
        self._packets = frozenset(packets)
        self._seen: dict[int, int] = {}

    def loses(self, packet: Packet, now_ns: int) -> bool:
        if packet.payload_bytes <= 0 or packet.connection == NULL:
            return False
        ordinal = self._seen[packet.connection] = self._seen.get(packet.connection, 0) + 1
        return ordinal in self._packets


class Tail(Losing):
    """The packet that ends a response is lost the first time it comes: the one with the last-chunk, or with data and FIN.

    It is known by what is in it, because nothing is held back to see whether something follows. Bytes that were lost once
    pass when they come again, so TCP's repair of a tail (RFC 8985, or the timer) is what is measured.
    """

    verdict = TAIL

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._ends: set[tuple[int, int]] = set()

    def loses(self, packet: Packet, now_ns: int) -> bool:
        if packet.payload_bytes <= 0 or packet.connection == NULL or not _ends_response(packet):
            return False
        end = packet.connection, (packet.seq + packet.payload_bytes) % _SEQUENCE_SPACE
        if end in self._ends:
            return False
        self._ends.add(end)
        return True


def _ends_response(packet: Packet) -> bool:
    if packet.flags & FIN:
        return True
    payload = packet.data[-packet.payload_bytes :]
    return payload == _LAST_CHUNK or payload.endswith(b"\r\n" + _LAST_CHUNK)
