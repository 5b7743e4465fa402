"""One direction of a path: loss, then the bottleneck, then propagation, each only where it was asked for.

The order is that of netem and of nested mahimahi shells. Loss stands first so that what is lost does not occupy the
queue; the bottleneck before the distance so that the queue sees packets as the sender spaced them, and `t_queue_out`
splits a packet's time into waiting and travelling.
"""

from collections.abc import Iterator
from itertools import pairwise

from lab.link.bottleneck import DEFAULT_QUEUE_PACKETS, Bottleneck
from lab.link.loss import Bernoulli, DropList
from lab.link.packet import NULL, Packet
from lab.link.propagation import Propagation
from lab.link.stage import Report, Stage
from lab.model.path import BernoulliLoss, LinkSpec


class Link:
    """The stages of one direction, behind the same three calls that each of them has.

    `seed` is any string; stages derive their own from it. `report` is told of every dropped packet.
    """

    def __init__(self, spec: LinkSpec, seed: str, report: Report) -> None:
        stages = [*_loss(spec, seed, report), *_bottleneck(spec, report)]
        stages.append(Propagation(spec.delay, spec.jitter, f"{seed}/jitter"))
        self._stages = tuple(stages)
        self._joints = tuple(pairwise(stages))
        self._last = stages[-1]
        self.put = stages[0].put
        """Accept a packet that arrives at `now_ns`."""

    def take(self, now_ns: int) -> Packet | None:
        """The next packet that leaves the path by `now_ns`, or None."""
        if self._joints:
            self._advance(now_ns)
        return self._last.take(now_ns)

    def deadline(self) -> int | None:
        """The earliest instant (ns) at which `take` can give a packet, or None while the link is empty.

        Behind the last stage's first packet nothing can overtake, so the earlier stages matter only when it is empty;
        then what they hold needs at least the floors of the stages still to come.
        """
        floor_ns = 0
        for stage in reversed(self._stages):
            if (deadline_ns := stage.deadline()) is not None:
                return deadline_ns + floor_ns
            floor_ns += stage.floor_ns
        return None

    def held(self, now_ns: int) -> Iterator[Packet]:
        """What is still on its way at `now_ns`, in order. A packet that waits for the bottleneck has no `t_due_ns` yet."""
        self._advance(now_ns)
        yield from self._last.held()
        for stage in reversed(self._stages[:-1]):
            for packet in stage.held():
                packet.t_queue_out_ns = packet.t_due_ns = NULL
                yield packet

    def _advance(self, now_ns: int) -> None:
        """Hand on what has left each stage by now, at the instant at which it left."""
        for upstream, downstream in self._joints:
            while (packet := upstream.take(now_ns)) is not None:
                downstream.put(packet, packet.t_due_ns)


def _loss(spec: LinkSpec, seed: str, report: Report) -> Iterator[Stage]:
    if isinstance(spec.loss, BernoulliLoss):
        yield Bernoulli(spec.loss.probability, f"{seed}/loss", report)
    elif spec.loss is not None:
        yield DropList(spec.loss.packets, report)


def _bottleneck(spec: LinkSpec, report: Report) -> Iterator[Stage]:
    if spec.rate is None:
        return
    if spec.queue is None:
        yield Bottleneck(spec.rate, report, limit_packets=DEFAULT_QUEUE_PACKETS)
    else:
        yield Bottleneck(spec.rate, report, spec.queue.packets, spec.queue.in_bytes(spec.rate))
