"""One direction of a path: loss, then the bottleneck, then propagation, each only where it was asked for.

The order is that of netem and of nested mahimahi shells. Loss stands first so that what is lost does not occupy the
queue; the bottleneck before the distance so that the queue sees packets as the sender spaced them, and `t_queue_out`
splits a packet's time into waiting and travelling.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lab.link.bottleneck import Bottleneck, Droptail, Limit
from lab.link.codel import CoDel
from lab.link.jitter import draw_of
from lab.link.loss import Bernoulli, DropList, Tail
from lab.link.outages import Blackouts, GilbertElliott
from lab.link.pace import pace_of
from lab.link.packet import NULL, Packet
from lab.link.propagation import Propagation, Reordering
from lab.link.stage import Report, Stage
from lab.model.loss import BernoulliLoss, BlackoutLoss, GilbertElliottLoss, TailLoss
from lab.model.loss import DropList as DropListLoss
from lab.model.path import LinkSpec
from lab.model.queue import DEFAULT_QUEUE_PACKETS, CoDelQueue, QueueLimit


class Link:
    """The stages of one direction, behind the same calls that each of them has.

    `seed` is any string; stages derive their own from it. `report` is told of every dropped packet.
    """

    def __init__(self, spec: LinkSpec, seed: str, report: Report) -> None:
        stages = [*_loss(spec, seed, report), *_bottleneck(spec, report), _propagation(spec, f"{seed}/jitter")]
        self._stages = tuple(stages)
        self._last = stages[-1]
        # Bound once: each of these is called for every packet.
        self._joints = tuple((upstream.take, downstream.put) for upstream, downstream in pairwise(stages))
        self._deadlines = tuple(
            reversed([(stage.deadline, _floor_ns(stages[at + 1 :])) for at, stage in enumerate(stages)])
        )
        self._overtakes = self._last.overtakes
        self._leave = self._last.take
        self.put = stages[0].put
        """Accept a packet that arrives at `now_ns`."""
        self.take = self._take if self._joints else self._leave
        """The next packet that leaves the path by `now_ns`, or None."""

    def start(self, at_ns: int) -> None:
        """What changes with time counts from `at_ns`. Called before the first packet, or not at all: then from zero."""
        for stage in self._stages:
            stage.start(at_ns)

    def deadline(self) -> int | None:
        """The earliest instant (ns) at which `take` can give a packet, or None while the link is empty.

        Behind the last stage's first packet nothing can overtake, so the earlier stages matter only when it is empty;
        then what they hold needs at least the floors of the stages still to come. Where packets overtake, all matter.
        """
        if self._overtakes:
            return min(
                (due_ns + floor_ns for deadline, floor_ns in self._deadlines if (due_ns := deadline()) is not None),
                default=None,
            )
        for deadline, floor_ns in self._deadlines:
            if (deadline_ns := deadline()) is not None:
                return deadline_ns + floor_ns
        return None

    def held(self, now_ns: int) -> Iterator[Packet]:
        """What is still on its way at `now_ns`, in order. A packet that waits for the bottleneck has no `t_due_ns` yet."""
        self._advance(now_ns)
        yield from self._last.held()
        for stage in reversed(self._stages[:-1]):
            for packet in stage.held():
                packet.t_queue_out_ns = packet.t_due_ns = NULL
                yield packet

    def _take(self, now_ns: int) -> Packet | None:
        self._advance(now_ns)
        return self._leave(now_ns)

    def _advance(self, now_ns: int) -> None:
        """Hand on what has left each stage by now, at the instant at which it left."""
        for take, put in self._joints:
            while (packet := take(now_ns)) is not None:
                put(packet, packet.t_due_ns)


def _floor_ns(stages: Sequence[Stage]) -> int:
    return sum(stage.floor_ns for stage in stages)


def _loss(spec: LinkSpec, seed: str, report: Report) -> Iterator[Stage]:
    match spec.loss:
        case BernoulliLoss(probability=probability):
            yield Bernoulli(probability, f"{seed}/loss", report)
        case DropListLoss(packets=packets):
            yield DropList(packets, report)
        case GilbertElliottLoss() as loss:
            stays_ns, losses = (loss.good, loss.bad), (loss.good_loss, loss.bad_loss)
            yield GilbertElliott(stays_ns, losses, f"{seed}/bursts", report)
        case BlackoutLoss(periods=periods, every=every_ns):
            yield Blackouts([(period.at, period.end_ns) for period in periods], every_ns, report)
        case TailLoss():
            yield Tail(report)


def _bottleneck(spec: LinkSpec, report: Report) -> Iterator[Bottleneck]:
    if spec.rate is None:
        return
    pace = pace_of(spec.rate)
    if isinstance(spec.queue, CoDelQueue):
        limit = Limit(spec.queue.limit.packets, spec.queue.limit.bytes)
        yield CoDel(pace, report, limit, spec.queue.target, spec.queue.interval)
    else:
        yield Droptail(pace, report, _limit(spec))


def _limit(spec: LinkSpec) -> Limit:
    """A time is the bytes that a constant rate sends in it; at a rate that changes, nobody waits longer than that."""
    match spec.queue:
        case QueueLimit() as queue if isinstance(spec.rate, int):
            return Limit(queue.packets, queue.in_bytes(spec.rate))
        case QueueLimit() as queue:
            return Limit(queue.packets, queue.bytes, queue.duration_ns)
    return Limit(DEFAULT_QUEUE_PACKETS)


def _propagation(spec: LinkSpec, seed: str) -> Stage:
    if spec.jitter is None or not spec.varies:
        return Propagation(spec.delay)
    draw = draw_of(spec.jitter, seed)
    return Reordering(spec.delay, draw) if spec.jitter.reorder else Propagation(spec.delay, draw)
