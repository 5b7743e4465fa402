"""What the composition adds: the order of its stages, one wake-up per packet, and what is still held at the end."""

import pytest

from lab.link.link import Link
from lab.link.packet import BLACKOUT, LISTED, NULL, QUEUE_FULL, Packet
from lab.model.path import LinkSpec
from tests.link.packets import packet

MS = 1_000_000


def _link(dropped: list[Packet], spec: dict[str, object], seed: str = "1") -> Link:
    return Link(LinkSpec.model_validate(spec), seed, dropped.append)


def test_a_packet_waits_travels_and_both_are_told_apart() -> None:
    link = _link([], {"delay": "20ms", "rate": "12Mbit/s"})
    for index in (1, 2):
        link.put(packet(index=index), 0)
    assert link.take(21 * MS - 1) is None
    for waited_ns in (1 * MS, 2 * MS):
        out = link.take(waited_ns + 20 * MS)
        assert out is not None
        assert (out.t_queue_out_ns, out.t_due_ns) == (waited_ns, waited_ns + 20 * MS)


def test_what_is_lost_takes_no_place_in_the_queue() -> None:
    dropped: list[Packet] = []
    link = _link(dropped, {"loss": {"model": "drop-list", "packets": [2]}, "rate": "12Mbit/s", "queue": "1p"})
    for index in (1, 2, 3, 4):
        link.put(packet(index=index), 0)
    assert link.take(1 * MS) is not None
    assert [(each.index, each.verdict) for each in dropped] == [(2, LISTED), (4, QUEUE_FULL)]


@pytest.mark.parametrize("spec", [{"delay": "20ms"}, {"delay": "20ms", "rate": "12Mbit/s"}, {"rate": "12Mbit/s"}])
def test_a_lone_packet_needs_one_wake_up(spec: dict[str, object]) -> None:
    link = _link([], spec)
    link.put(packet(), 0)
    assert link.take(0) is None
    deadline_ns = link.deadline()
    assert deadline_ns is not None
    assert link.take(deadline_ns - 1) is None
    assert link.take(deadline_ns) is not None


def test_held_packets_know_only_the_times_they_have_reached() -> None:
    link = _link([], {"delay": "20ms", "rate": "12Mbit/s"})
    for index in (1, 2, 3):
        link.put(packet(index=index), 0)
    held = [(each.index, each.t_queue_out_ns, each.t_due_ns) for each in link.held(2 * MS)]
    assert held == [(1, 1 * MS, 21 * MS), (2, 2 * MS, 22 * MS), (3, NULL, NULL)]


def test_queue_as_a_time_is_that_time_at_the_rate() -> None:
    dropped: list[Packet] = []
    link = _link(
        dropped, {"rate": "12Mbit/s", "queue": "5ms"}
    )  # 7500 bytes: five full packets behind the one in service
    for index in range(1, 9):
        link.put(packet(index=index), 0)
    assert [each.index for each in dropped] == [7, 8]


CHANCES: dict[str, dict[str, object]] = {
    "loss": {"loss": "50%"},
    "bursts": {"loss": {"good": "5ms", "bad": "5ms"}},
    "bursts of chance": {"loss": {"good": "5ms", "bad": "5ms", "good_loss": 0.1, "bad_loss": 0.9}},
    "jitter": {"jitter": "5ms"},
    "uniform jitter": {"jitter": {"spread": "5ms"}},
    "both": {"loss": "50%", "jitter": "5ms"},
}


@pytest.mark.parametrize("spec", CHANCES.values(), ids=CHANCES)
def test_directions_have_chances_of_their_own_and_the_seed_decides_them(spec: dict[str, object]) -> None:
    up, again, down = (_fates({"delay": "9ms", **spec}, seed) for seed in ("1/up", "1/up", "1/down"))
    assert up == again
    assert up != down


def test_loss_and_jitter_do_not_share_their_chances() -> None:
    """What a packet draws for one is the same whether or not the other is asked for."""
    lossy, both = (_fates({"delay": "9ms", "loss": "50%", **more}, "1") for more in ({}, {"jitter": "5ms"}))
    assert [index for index, due_ns in lossy if due_ns is None] == [index for index, due_ns in both if due_ns is None]


def _fates(spec: dict[str, object], seed: str) -> list[tuple[int, int | None]]:
    """By index, when each of a hundred packets, one a millisecond, is due; None for what is lost."""
    dropped: list[Packet] = []
    link = _link(dropped, spec, seed)
    for index in range(100):
        link.put(packet(index=index), index * MS)
    held = [(each.index, each.t_due_ns) for each in link.held(100 * MS)]
    return sorted([*held, *((each.index, None) for each in dropped)])


def test_a_changing_rate_bounds_the_wait_by_time() -> None:
    dropped: list[Packet] = []
    steps = [{"at": "0s", "rate": "12Mbit/s"}, {"at": "3ms", "rate": "1200kbit/s"}]
    link = _link(dropped, {"rate": steps, "queue": "5ms"})
    for index in range(1, 9):  # three at 1 ms, then 10 ms each: the fifth would wait 13
        link.put(packet(index=index), 0)
    assert [each.index for each in dropped] == [5, 6, 7, 8]


def test_time_counts_from_the_start() -> None:
    dropped: list[Packet] = []
    link = _link(
        dropped, {"loss": {"periods": [{"at": "1ms", "for": "1ms"}]}, "rate": [{"at": "0s", "rate": "12Mbit/s"}]}
    )
    link.start(100 * MS)
    for index, now_ns in enumerate((100 * MS, 101 * MS - 1, 101 * MS, 102 * MS - 1, 102 * MS)):
        link.put(packet(index=index), now_ns)
    assert [(each.index, each.verdict) for each in dropped] == [(2, BLACKOUT), (3, BLACKOUT)]


def test_an_overtaking_packet_is_not_slept_through() -> None:
    """The first packet's line is slow; the second is still in the bottleneck, and leaves the path before it."""
    jitter = {"model": "trace", "file": "x", "extra_ns": [50 * MS, 0], "reorder": True}
    link = _link([], {"delay": "1ms", "jitter": jitter, "rate": "12Mbit/s"})
    for index in (1, 2):
        link.put(packet(index=index), 0)
    assert link.take(1 * MS) is None
    assert link.deadline() == 2 * MS
    assert link.take(2 * MS) is None
    assert link.deadline() == 3 * MS
    out = link.take(3 * MS)
    assert out is not None
    assert out.index == 2
