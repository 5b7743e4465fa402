"""The pacer on Trio's own clock, which jumps to the next deadline: never early, in order, late by no more than the slack."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

from lab.server.alarm import ClockAlarm
from lab.server.pacer import EXACT_UNTIL_PER_S, FULL_FROM_PER_S, MAX_SLACK_NS, Pacer, slack_ns
from tests.server.fakes import BLOCKED, bench, frames_of

MS = 1_000_000


def _now_ns() -> int:
    return round(trio.current_time() * 1e9)


@dataclass
class Metronome:
    """Asks to be stepped at each of `dues_ns`, and notes when it was."""

    name: int
    dues_ns: list[int]
    log: list[tuple[int, int, int]] = field(default_factory=list)  # name, due, stepped
    on_step: Callable[[], None] = lambda: None

    def step(self, now_ns: int) -> int | None:
        """See Paced."""
        while self.dues_ns and self.dues_ns[0] <= now_ns:
            self.log.append((self.name, self.dues_ns.pop(0), now_ns))
            self.on_step()
        return self.dues_ns[0] if self.dues_ns else None


@asynccontextmanager
async def _pacing() -> AsyncIterator[Pacer]:
    async with trio.open_nursery() as nursery:
        pacer = Pacer(ClockAlarm(_now_ns))
        nursery.start_soon(pacer.run)
        yield pacer
        nursery.cancel_scope.cancel()


SLACKS = {
    "nothing to do": (0, 0),
    "exact": (EXACT_UNTIL_PER_S, 0),
    "half way": ((EXACT_UNTIL_PER_S + FULL_FROM_PER_S) / 2, MAX_SLACK_NS // 2),
    "full": (FULL_FROM_PER_S, MAX_SLACK_NS),
    "overload": (100 * FULL_FROM_PER_S, MAX_SLACK_NS),
}


@pytest.mark.parametrize("case", SLACKS)
def test_the_slack_grows_with_the_load_and_is_bounded(case: str) -> None:
    steps_per_s, expected_ns = SLACKS[case]
    assert slack_ns(steps_per_s) == expected_ns


async def test_few_steps_leave_on_the_instant_in_the_order_of_their_dues(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[tuple[int, int, int]] = []
    async with _pacing() as pacer:
        for name in range(5):
            dues_ns = [(index * 20 + name * 3 + 1) * MS for index in range(20)]
            pacer.add(Metronome(name, dues_ns, log), dues_ns[0])
        await trio.sleep(1)
    assert len(log) == 100
    assert [due for _, due, _ in log] == sorted(due for _, due, _ in log)
    assert all(0 <= stepped - due < 1000 for _, due, stepped in log)  # the mock clock counts in floats
    assert pacer.max_slack_ns == 0


async def test_equal_dues_keep_the_order_in_which_they_were_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    log: list[tuple[int, int, int]] = []
    async with _pacing() as pacer:
        for name in range(6):
            pacer.add(Metronome(name, [MS, 2 * MS], log), MS)
        await trio.sleep(1)
    assert [name for name, _, _ in log] == [*range(6), *range(6)]


async def test_many_steps_share_wakes_and_none_is_early_or_later_than_the_slack(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log: list[tuple[int, int, int]] = []
    rng = random.Random(1)
    async with _pacing() as pacer:
        for name in range(100):  # 5,000 steps a second
            phase_ns = rng.randrange(20 * MS)
            dues_ns = [phase_ns + index * 20 * MS for index in range(50)]
            pacer.add(Metronome(name, dues_ns, log), dues_ns[0])
        await trio.sleep(2)
    assert len(log) == 5000
    assert pacer.max_slack_ns == MAX_SLACK_NS
    assert all(0 <= stepped - due <= MAX_SLACK_NS + 1000 for _, due, stepped in log)
    busy = [stepped for _, due, stepped in log if due > 500 * MS]
    assert len(set(busy)) < len(busy) / 3


async def test_the_slack_goes_away_with_the_load(autojump_clock: trio.testing.MockClock) -> None:
    async with _pacing() as pacer:
        pacer.add(Metronome(0, [index * MS // 5 for index in range(3000)]), 0)
        await trio.sleep(1)
        assert pacer.max_slack_ns > 0
        lone = Metronome(1, [_now_ns() + index * 50 * MS for index in range(10)])
        pacer.add(lone, lone.dues_ns[0])
        await trio.sleep(1)
        assert pacer.slack_ns == 0
    assert all(stepped - due < 1000 for _, due, stepped in lone.log[5:])


async def test_an_earlier_stream_that_comes_later_is_not_overslept(autojump_clock: trio.testing.MockClock) -> None:
    log: list[tuple[int, int, int]] = []
    async with _pacing() as pacer:
        pacer.add(Metronome(1, [900 * MS], log), 900 * MS)
        await trio.sleep(0.1)
        pacer.add(Metronome(2, [200 * MS], log), 200 * MS)
        await trio.sleep(1)
    assert [name for name, _, _ in log] == [2, 1]
    assert log[0][2] - 200 * MS < 1000


async def test_a_stream_added_by_a_step_gets_its_turn(autojump_clock: trio.testing.MockClock) -> None:
    log: list[tuple[int, int, int]] = []
    async with _pacing() as pacer:
        first = Metronome(1, [MS], log, on_step=lambda: pacer.add(Metronome(2, [MS], log), MS))
        pacer.add(first, MS)
        await trio.sleep(1)
    assert [name for name, _, _ in log] == [1, 2]


async def test_a_blocked_stream_delays_no_other(autojump_clock: trio.testing.MockClock) -> None:
    blocked = bench(frames_of(*((index * 20 * MS, "x") for index in range(20))), takes=[BLOCKED])
    other = Metronome(1, [index * 20 * MS for index in range(20)])
    async with _pacing() as pacer:
        pacer.add(blocked.stream, blocked.stream.begin(b"head", early=True))
        pacer.add(other, other.dues_ns[0])
        await trio.sleep(1)
    assert len(blocked.record.emit_ns) == len(other.log) == 20
    assert blocked.socket.sends == []
    assert all(stepped - due < 1000 for _, due, stepped in other.log)


async def test_an_abandoned_stream_leaves_at_its_next_due_time(autojump_clock: trio.testing.MockClock) -> None:
    gone = bench(frames_of((0, "a"), (10 * MS, "b"), (20 * MS, "c")))
    async with _pacing() as pacer:
        pacer.add(gone.stream, gone.stream.begin(b"head", early=True))
        await trio.sleep(0.005)
        gone.stream.abandon()
        await trio.sleep(1)
        assert pacer._heap == []
    assert len(gone.record.emit_ns) == 1
