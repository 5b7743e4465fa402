"""A drain: idle connections end at once, working ones are waited for, later ones do not become idle again."""

from unittest import mock

import trio

from lab.server.shared import Shared


def _shared() -> Shared:
    return Shared(site=mock.Mock(), pacer=mock.Mock(), nursery=mock.Mock())


async def test_an_idle_block_is_left_after_its_time(autojump_clock: trio.testing.MockClock) -> None:
    with _shared().idle(60):
        await trio.sleep_forever()
    assert trio.current_time() == 60


async def test_a_drain_ends_what_is_idle_and_returns(autojump_clock: trio.testing.MockClock) -> None:
    shared = _shared()
    left: list[float] = []

    async def idle() -> None:
        with shared.idle(60):
            await trio.sleep_forever()
        left.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(idle)
        await trio.sleep(1)
        await shared.drain()
    assert left == [1]


async def test_a_drain_waits_for_all_that_work(autojump_clock: trio.testing.MockClock) -> None:
    shared = _shared()

    async def work(seconds: float) -> None:
        with shared.working():
            await trio.sleep(seconds)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, 3)
        nursery.start_soon(work, 5)
        await trio.sleep(1)
        await shared.drain()
        assert trio.current_time() == 5


async def test_who_becomes_idle_during_a_drain_leaves(autojump_clock: trio.testing.MockClock) -> None:
    shared = _shared()
    await shared.drain()
    with shared.idle(60):
        await trio.sleep_forever()
    assert trio.current_time() == 0
