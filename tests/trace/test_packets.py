"""Which packet carried which byte, under everything that TCP does to a stream of them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.trace.packets import PacketIndex, index_connections
from tests.trace.packet_logs import (
    CLIENT_PORT,
    DOWN,
    HELD,
    LOST,
    NULL,
    SERVER_ISN,
    SERVER_PORT,
    UP,
    Segment,
    connection,
    packet_log,
)

PORTS = (CLIENT_PORT, SERVER_PORT)


def _index(segments: list[Segment], server_isn: int = SERVER_ISN) -> PacketIndex:
    log = packet_log(segments, server_isn=server_isn)
    return index_connections(log.packets, log.connections)[PORTS][1]


# Segments, then by offset: (sent, recv).
CROSSINGS: dict[str, tuple[list[Segment], dict[int, tuple[int | None, int | None]]]] = {
    "no packets": ([], {0: (None, None)}),
    "one segment": ([Segment(0, 10, 5, 25)], {0: (5, 25), 9: (5, 25), 10: (None, None)}),
    "two segments": (
        [Segment(0, 10, 5, 25), Segment(10, 20, 6, 26)],
        {9: (5, 25), 10: (6, 26), 19: (6, 26), 20: (None, None)},
    ),
    "an acknowledgement between": (
        [Segment(0, 10, 5, 25), Segment(0, 0, 6, 26), Segment(10, 20, 7, 27)],
        {9: (5, 25), 10: (7, 27)},
    ),
    "the client's own data": (
        [Segment(0, 50, 1, 2, direction=UP), Segment(0, 10, 5, 25)],
        {9: (5, 25), 10: (None, None)},
    ),
    "another connection": (
        [Segment(0, 50, 1, 2, connection=2), Segment(0, 10, 5, 25)],
        {9: (5, 25), 10: (None, None)},
    ),
    "packets that are no TCP": (
        [Segment(0, 50, 1, 2, connection=NULL), Segment(0, 10, 5, 25)],
        {9: (5, 25), 10: (None, None)},
    ),
    "lost and sent again": (
        [Segment(0, 10, 5, verdict=LOST), Segment(10, 20, 6, 26), Segment(0, 10, 46, 66)],
        {0: (5, 66), 9: (5, 66), 10: (6, 26)},
    ),
    "lost twice": (
        [Segment(0, 10, 5, verdict=LOST), Segment(0, 10, 46, verdict=LOST), Segment(0, 10, 126, 146)],
        {9: (5, 146)},
    ),
    "lost for ever": ([Segment(0, 10, 5, verdict=LOST)], {9: (5, None)}),
    "still inside at the end": ([Segment(0, 10, 5, verdict=HELD)], {9: (5, None)}),
    "sent again needlessly: the first to arrive counts": (
        [Segment(0, 10, 5, 25), Segment(0, 10, 20, 40)],
        {9: (5, 25)},
    ),
    "sent again with what follows": (
        [Segment(0, 10, 5, verdict=LOST), Segment(0, 30, 46, 66)],
        {9: (5, 66), 10: (46, 66), 29: (46, 66)},
    ),
    "the second copy overtakes": (
        [Segment(0, 10, 5, 90), Segment(0, 10, 20, 40)],
        {9: (5, 40)},
    ),
    "half a segment sent again": (
        [Segment(0, 20, 5, verdict=LOST), Segment(10, 20, 46, 66), Segment(0, 10, 47, 67)],
        {0: (5, 67), 9: (5, 67), 10: (5, 66), 19: (5, 66)},
    ),
    "a log that begins too late": ([Segment(10, 20, 5, 25)], {9: (None, None), 10: (5, 25)}),
}


# Segments, then by offset: since when the byte and all before it can be read.
READABLE: dict[str, tuple[list[Segment], dict[int, int | None]]] = {
    "no packets": ([], {0: None}),
    "in order": ([Segment(0, 10, 5, 25), Segment(10, 20, 6, 26)], {0: 25, 9: 25, 10: 26, 20: None}),
    "behind a lost one": (
        [Segment(0, 10, 5, verdict=LOST), Segment(10, 20, 6, 26), Segment(20, 30, 7, 27), Segment(0, 10, 46, 66)],
        {9: 66, 10: 66, 29: 66, 30: None},
    ),
    "behind one that never came": ([Segment(0, 10, 5, verdict=LOST), Segment(10, 20, 6, 26)], {9: None, 19: None}),
    "overtaken": ([Segment(0, 10, 5, 40), Segment(10, 20, 6, 26)], {9: 40, 19: 40}),
    "sent again needlessly": (
        [Segment(0, 10, 5, 25), Segment(0, 10, 20, 40), Segment(10, 20, 21, 41)],
        {9: 25, 19: 41},
    ),
    "sent again with what follows": ([Segment(0, 10, 5, 25), Segment(5, 30, 46, 66)], {9: 25, 10: 66, 29: 66}),
}


@pytest.mark.parametrize(("segments", "expected"), READABLE.values(), ids=READABLE)
def test_a_byte_can_be_read_when_none_before_it_is_missing(
    segments: list[Segment], expected: dict[int, int | None]
) -> None:
    index = _index(segments)
    assert {offset: index.readable(offset) for offset in expected} == expected
    later = _index([Segment(0, 7, 1, 2), *(each._replace(start=each.start + 7, end=each.end + 7) for each in segments)])
    assert {offset: later.from_offset(7).readable(offset) for offset in expected} == expected


@pytest.mark.parametrize(("segments", "crossings"), CROSSINGS.values(), ids=CROSSINGS)
@pytest.mark.parametrize("server_isn", [SERVER_ISN, 2**32 - 15, 2**32 - 1, 2**31 - 5])
def test_when_a_byte_entered_and_left(
    segments: list[Segment], crossings: dict[int, tuple[int | None, int | None]], server_isn: int
) -> None:
    """The same wherever the initial sequence number puts the wrap-around (RFC 9293 section 3.4)."""
    index = _index(segments, server_isn)
    assert {offset: index.crossing(offset) for offset in crossings} == crossings


def test_the_log_is_in_order_of_leaving_and_the_index_in_order_of_entering() -> None:
    index = _index([Segment(10, 20, 6, 26), Segment(0, 10, 5, 66)])
    assert (index.crossing(9), index.crossing(10)) == ((5, 66), (6, 26))


def test_a_response_behind_others_on_its_connection() -> None:
    index = _index([Segment(0, 10, 5, 25), Segment(10, 20, 6, 26)]).from_offset(10)
    assert (index.crossing(0), index.crossing(9), index.crossing(10)) == ((6, 26), (6, 26), (None, None))


def test_more_than_the_sequence_space() -> None:
    """Ten steps of 1 GiB: the numbers wrap twice."""
    step = 2**30
    segments = [Segment(n * step, n * step + 100, n, n + 1000) for n in range(10)]
    index = _index(segments)
    assert [index.crossing(n * step + 99) for n in range(10)] == [(n, n + 1000) for n in range(10)]


def test_connections_are_found_by_their_ports() -> None:
    connections = [connection(1, 40_001), connection(2, 40_002, server_isn=None), connection(3, 40_003)]
    log = packet_log([Segment(0, 5, 1, 2), Segment(0, 5, 3, 4, connection=3)], connections)
    found = index_connections(log.packets, log.connections)
    assert {ports: each.number for ports, (each, _) in found.items()} == {(40_001, 8000): 1, (40_003, 8000): 3}
    assert found[40_003, 8000][1].crossing(4) == (3, 4)


def test_ports_that_were_used_twice_are_those_of_the_later_connection() -> None:
    log = packet_log([Segment(0, 5, 1, 2), Segment(0, 5, 3, 4, connection=2)], [connection(1), connection(2)])
    assert index_connections(log.packets, log.connections)[PORTS][1].crossing(4) == (3, 4)


@given(
    st.lists(st.integers(1, 3000), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
    st.floats(0, 0.6),
)
def test_every_byte_under_random_segments_and_losses(
    sizes: list[int], server_isn: int, rng: random.Random, loss: float
) -> None:
    """Against the definition, searched byte by byte."""
    segments, start = [], 0
    for number, size_bytes in enumerate(sizes):
        copies = 1 + (rng.random() < 0.3)
        for copy in range(copies):
            t_in_ns = number * 10 + copy * 35
            verdict = LOST if rng.random() < loss else 0
            segments.append(Segment(start, start + size_bytes, t_in_ns, t_in_ns + rng.randint(20, 90), verdict))
        start += size_bytes
    index = _index(segments, server_isn)
    for offset in {0, start - 1, start, *(rng.randrange(start) for _ in range(10))}:
        carriers = [each for each in segments if each.start <= offset < each.end and each.direction == DOWN]
        sent_ns = min((each.t_in_ns for each in carriers), default=None)
        recv_ns = min((each.t_out_ns for each in carriers if each.verdict != LOST), default=None)
        assert index.crossing(offset) == (sent_ns, recv_ns)
