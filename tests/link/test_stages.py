"""What holds for every stage and for every composition of them, driven with a fake clock by one harness."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.link.bottleneck import Droptail, Limit
from lab.link.codel import CoDel
from lab.link.jitter import draw_of
from lab.link.link import Link
from lab.link.loss import Bernoulli, DropList, Tail
from lab.link.outages import Blackouts, GilbertElliott
from lab.link.pace import ConstantRate, Opportunities, Pace, SteppedRate
from lab.link.packet import HELD, Packet
from lab.link.propagation import Propagation, Reordering
from lab.link.stage import Report, Stage
from lab.model.jitter import NormalJitter, TraceJitter, UniformJitter
from lab.model.path import LinkSpec
from tests.link.packets import packet

Queue = Stage | Link
Make = Callable[[Report], Queue]


def _link(**spec: object) -> Make:
    return lambda report: Link(LinkSpec.model_validate(spec), "7", report)


MS = 1_000_000
NO_LIMIT = Limit()


def _droptail(pace: Callable[[], Pace], limit: Limit = NO_LIMIT) -> Make:
    return lambda report: Droptail(pace(), report, limit)


def _codel(pace: Callable[[], Pace], limit: Limit = NO_LIMIT) -> Make:
    """Impatient, so that thirty packets are enough to see it drop."""
    return lambda report: CoDel(pace(), report, limit, target_ns=MS // 10, interval_ns=2 * MS)


def _10_mbits() -> Pace:
    return ConstantRate(10_000_000)


def _steps() -> Pace:
    return SteppedRate([(0, 10_000_000), (3 * MS, 1_234_567), (9 * MS, 20_000_000), (11 * MS, 999_983)])


def _opportunities() -> Pace:
    return Opportunities([0, 0, 1, 4, 4, 9])


def _bursts(report: Report) -> Stage:
    return GilbertElliott((3 * MS, 2 * MS), (0.1, 0.8), "7", report)


JITTER = NormalJitter.model_construct(deviation=5 * MS)
LTE = {"model": "trace", "file": "x", "opportunities_ms": [0, 1, 1, 5]}
IMPATIENT = {"model": "codel", "target": "100us", "interval": "2ms", "limit": "9p"}

QUEUES: dict[str, Make] = {
    "nothing lost": lambda report: Bernoulli(0.0, "7", report),
    "a third lost": lambda report: Bernoulli(1 / 3, "7", report),
    "all lost": lambda report: Bernoulli(1.0, "7", report),
    "drop-list": lambda report: DropList((1, 3, 4), report),
    "bursts": _bursts,
    "blackouts": lambda report: Blackouts([(1 * MS, 3 * MS), (4 * MS, 5 * MS)], 7 * MS, report),
    "tail": Tail,
    "10 Mbit/s": _droptail(_10_mbits),
    "rate that is no divisor": _droptail(lambda: ConstantRate(9_999_991)),
    "steps": _droptail(_steps),
    "opportunities": _droptail(_opportunities),
    "queue of 2 packets": _droptail(_10_mbits, Limit(packets=2)),
    "queue of 3000 bytes": _droptail(_10_mbits, Limit(bytes=3000)),
    "queue of 3 ms": _droptail(_steps, Limit(wait_ns=3 * MS)),
    "queue of 2 packets before opportunities": _droptail(_opportunities, Limit(packets=2)),
    "CoDel": _codel(_10_mbits),
    "CoDel on steps": _codel(_steps),
    "CoDel on opportunities": _codel(_opportunities),
    "CoDel with a short queue": _codel(_10_mbits, Limit(packets=5)),
    "CoDel with a queue of 3000 bytes": _codel(_opportunities, Limit(bytes=3000)),
    "no delay": lambda _: Propagation(0),
    "delay": lambda _: Propagation(20 * MS),
    "jitter": lambda _: Propagation(2 * MS, draw_of(JITTER, "7")),
    "uniform jitter": lambda _: Propagation(2 * MS, draw_of(UniformJitter.model_construct(spread=3 * MS), "7")),
    "recorded jitter": lambda _: Propagation(2 * MS, draw_of(TraceJitter(file="x", extra_ns=(0, 5 * MS, 7)), "7")),
    "reordering": lambda _: Reordering(2 * MS, draw_of(JITTER, "7")),
    "empty link": _link(),
    "whole link": _link(delay="5ms", jitter="1ms", loss="20%", rate="10Mbit/s", queue="3p"),
    "link with a drop-list": _link(
        delay="5ms", loss={"model": "drop-list", "packets": [2, 3]}, rate="1Mbit/s", queue="50ms"
    ),
    "link of a phone": _link(delay="5ms", loss={"good": "5ms", "bad": "2ms"}, rate=LTE, queue=IMPATIENT),
    "link that reorders": _link(
        delay="5ms", jitter={"spread": "5ms", "reorder": True}, rate="10Mbit/s", queue=IMPATIENT
    ),
}
OVERTAKING = {"reordering", "link that reorders"}

ARRIVALS = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(41, 1500), st.booleans()), min_size=1, max_size=30)
"""Per packet: nanoseconds since the one before, its size, and whether somebody calls `take` after it."""

Arrivals = list[tuple[int, int, bool]]


def on_arrivals(test: Callable[..., None]) -> Callable[..., None]:
    """Fewer examples than hypothesis would take, because there are many queues and each example is many packets."""
    return settings(max_examples=20, deadline=None)(given(arrivals=ARRIVALS)(test))


class Run:
    """What came of one run of a queue: packets by what became of them, and the instants of the calls that gave them."""

    def __init__(self, make: Make, arrivals: Arrivals, start_ns: int = 0) -> None:
        self.dropped: list[Packet] = []
        self.taken: list[tuple[int, Packet]] = []
        self.queue = make(self.dropped.append)
        self.queue.start(start_ns)
        self.now_ns = start_ns
        for index, (gap_ns, size_bytes, takes) in enumerate(arrivals, 1):
            self.now_ns += gap_ns
            self.queue.put(packet(size_bytes, index=index, t_in_ns=self.now_ns), self.now_ns)
            if takes:
                self.take()

    def take(self) -> None:
        while (out := self.queue.take(self.now_ns)) is not None:
            self.taken.append((self.now_ns, out))

    def finish(self) -> "Run":
        """Follow the deadlines until the queue is empty, as the relay does."""
        self.take()
        while (deadline_ns := self.queue.deadline()) is not None:
            assert deadline_ns > self.now_ns, "a deadline that has passed although everything due was taken"
            self.now_ns = deadline_ns
            self.take()
        return self

    def fates(self) -> list[tuple[int, int, int]]:
        """Index, verdict and planned departure of every packet that came out or was dropped."""
        out = [(each.index, each.verdict, each.t_due_ns) for _, each in self.taken]
        return sorted(out + [(each.index, each.verdict, 0) for each in self.dropped])


@pytest.mark.parametrize("name", QUEUES)
class TestEveryQueue:
    @on_arrivals
    def test_conserves_packets(self, name: str, arrivals: Arrivals) -> None:
        run = Run(QUEUES[name], arrivals)
        queue = run.queue
        held = list(queue.held(run.now_ns) if isinstance(queue, Link) else queue.held())
        indices = [each.index for each in [*(out for _, out in run.taken), *run.dropped, *held]]
        assert sorted(indices) == list(range(1, len(arrivals) + 1))

    @on_arrivals
    def test_gives_packets_in_order_and_none_before_it_is_due(self, name: str, arrivals: Arrivals) -> None:
        run = Run(QUEUES[name], arrivals).finish()
        assert all(out.t_in_ns <= out.t_queue_out_ns <= out.t_due_ns <= taken_ns for taken_ns, out in run.taken)
        if name not in OVERTAKING:
            assert [out.index for _, out in run.taken] == sorted(out.index for _, out in run.taken)
        dues_ns = [out.t_due_ns for taken_ns, out in run.taken]
        assert dues_ns == sorted(dues_ns)

    @on_arrivals
    def test_decides_the_same_again_however_late_its_caller_is(self, name: str, arrivals: Arrivals) -> None:
        prompt, late = ([(gap, size, takes) for gap, size, _ in arrivals] for takes in (True, False))
        run, *others = (Run(QUEUES[name], each).finish() for each in (arrivals, arrivals, prompt, late))
        assert all(other.fates() == run.fates() for other in others)
        assert all(each.verdict != HELD for each in run.dropped)
        assert all(out.verdict == HELD for _, out in run.taken)

    @on_arrivals
    def test_counts_time_from_its_start(self, name: str, arrivals: Arrivals) -> None:
        """The same packets as much later have the same fate."""
        first, later = Run(QUEUES[name], arrivals).finish(), Run(QUEUES[name], arrivals, start_ns=10**15).finish()
        assert [(index, verdict) for index, verdict, _ in later.fates()] == [fate[:2] for fate in first.fates()]

    def test_has_no_deadline_while_empty(self, name: str) -> None:
        run = Run(QUEUES[name], [])
        assert run.queue.deadline() is None
        assert run.queue.take(10**18) is None
