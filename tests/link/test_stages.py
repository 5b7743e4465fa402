"""What holds for every stage and for every composition of them, driven with a fake clock by one harness."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.link.bottleneck import Bottleneck
from lab.link.link import Link
from lab.link.loss import Bernoulli, DropList
from lab.link.packet import HELD, Packet
from lab.link.propagation import Propagation
from lab.link.stage import Report, Stage
from lab.model.path import LinkSpec
from tests.link.packets import packet

Queue = Stage | Link
Make = Callable[[Report], Queue]


def _link(**spec: object) -> Make:
    return lambda report: Link(LinkSpec.model_validate(spec), "7", report)


QUEUES: dict[str, Make] = {
    "nothing lost": lambda report: Bernoulli(0.0, "7", report),
    "a third lost": lambda report: Bernoulli(1 / 3, "7", report),
    "all lost": lambda report: Bernoulli(1.0, "7", report),
    "drop-list": lambda report: DropList((1, 3, 4), report),
    "10 Mbit/s": lambda report: Bottleneck(10_000_000, report),
    "rate that is no divisor": lambda report: Bottleneck(9_999_991, report),
    "queue of 2 packets": lambda report: Bottleneck(10_000_000, report, limit_packets=2),
    "queue of 3000 bytes": lambda report: Bottleneck(10_000_000, report, limit_bytes=3000),
    "no delay": lambda _: Propagation(0, 0, "7"),
    "delay": lambda _: Propagation(20_000_000, 0, "7"),
    "jitter": lambda _: Propagation(2_000_000, 5_000_000, "7"),
    "empty link": _link(),
    "whole link": _link(delay="5ms", jitter="1ms", loss="20%", rate="10Mbit/s", queue="3p"),
    "link with a drop-list": _link(
        delay="5ms", loss={"model": "drop-list", "packets": [2, 3]}, rate="1Mbit/s", queue="50ms"
    ),
}

ARRIVALS = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(41, 1500), st.booleans()), min_size=1, max_size=30)
"""Per packet: nanoseconds since the one before, its size, and whether somebody calls `take` after it."""

Arrivals = list[tuple[int, int, bool]]


class Run:
    """What came of one run of a queue: packets by what became of them, and the instants of the calls that gave them."""

    def __init__(self, make: Make, arrivals: Arrivals) -> None:
        self.dropped: list[Packet] = []
        self.taken: list[tuple[int, Packet]] = []
        self.queue = make(self.dropped.append)
        self.now_ns = 0
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


@pytest.mark.parametrize("make", QUEUES.values(), ids=QUEUES)
class TestEveryQueue:
    @given(arrivals=ARRIVALS)
    def test_conserves_packets(self, make: Make, arrivals: Arrivals) -> None:
        run = Run(make, arrivals)
        queue = run.queue
        held = list(queue.held(run.now_ns) if isinstance(queue, Link) else queue.held())
        indices = [each.index for each in [*(out for _, out in run.taken), *run.dropped, *held]]
        assert sorted(indices) == list(range(1, len(arrivals) + 1))

    @given(arrivals=ARRIVALS)
    def test_is_first_in_first_out(self, make: Make, arrivals: Arrivals) -> None:
        indices = [out.index for _, out in Run(make, arrivals).finish().taken]
        assert indices == sorted(indices)

    @given(arrivals=ARRIVALS)
    def test_gives_nothing_before_it_is_due_nor_before_it_came(self, make: Make, arrivals: Arrivals) -> None:
        run = Run(make, arrivals).finish()
        assert all(out.t_in_ns <= out.t_queue_out_ns <= out.t_due_ns for _, out in run.taken)
        assert all(out.t_due_ns <= taken_ns for taken_ns, out in run.taken)

    @given(arrivals=ARRIVALS)
    def test_plans_the_same_however_late_its_caller_is(self, make: Make, arrivals: Arrivals) -> None:
        prompt = Run(make, [(gap_ns, size_bytes, True) for gap_ns, size_bytes, _ in arrivals]).finish()
        late = Run(make, [(gap_ns, size_bytes, False) for gap_ns, size_bytes, _ in arrivals]).finish()
        assert prompt.fates() == late.fates()

    @given(arrivals=ARRIVALS)
    def test_drops_the_same_again_and_says_why(self, make: Make, arrivals: Arrivals) -> None:
        run, again = Run(make, arrivals).finish(), Run(make, arrivals).finish()
        assert [(each.index, each.verdict) for each in run.dropped] == [
            (each.index, each.verdict) for each in again.dropped
        ]
        assert all(each.verdict != HELD for each in run.dropped)
        assert all(out.verdict == HELD for _, out in run.taken)

    def test_has_no_deadline_while_empty(self, make: Make) -> None:
        run = Run(make, [])
        assert run.queue.deadline() is None
        assert run.queue.take(10**18) is None
