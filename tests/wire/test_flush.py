"""Every policy lets go of all it was given, in order, when its rule says. One harness with a fake clock drives them all."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.wire.flush import Bytes, End, Every, Interval, Policy

Put = tuple[int, bytes]
Write = tuple[int, bytes]

POLICIES: dict[str, Callable[[], Policy]] = {
    "every": Every,
    "bytes:1": lambda: Bytes(1),
    "bytes:7": lambda: Bytes(7),
    "none": lambda: Bytes(4096),
    "interval:0": lambda: Interval(0),
    "interval:100": lambda: Interval(100),
    "end": End,
}


def drain(policy: Policy, now_ns: int) -> list[Write]:
    writes = []
    while piece := policy.take(now_ns):
        writes.append((now_ns, piece))
    return writes


def drive(policy: Policy, puts: list[Put], end_ns: int) -> list[Write]:
    """The server's loop: wake at the deadline or at the next put, whichever comes first, and take until it is empty."""
    writes: list[Write] = []
    for now_ns, data in [*puts, (end_ns, b"")]:
        while (deadline := policy.deadline()) is not None and deadline < now_ns:
            woken = drain(policy, deadline)
            assert woken, "a deadline that gives nothing would spin"
            writes += woken
        policy.put(data, now_ns)
        if now_ns == end_ns:
            policy.finish(now_ns)
        writes += drain(policy, now_ns)
    return writes


# (policy, [(when, what), ...], end, writes)
CASES: list[tuple[str, Policy, list[Put], int, list[Write]]] = [
    ("every: as it came", Every(), [(0, b"ab"), (5, b"c")], 9, [(0, b"ab"), (5, b"c")]),
    ("every: two at once stay two", Every(), [(0, b"ab"), (0, b"c")], 9, [(0, b"ab"), (0, b"c")]),
    ("bytes: below", Bytes(4), [(0, b"ab"), (1, b"c")], 9, [(9, b"abc")]),
    ("bytes: exactly full", Bytes(4), [(0, b"ab"), (1, b"cd")], 9, [(1, b"abcd")]),
    ("bytes: a chunk cut in two", Bytes(4), [(0, b"abc"), (1, b"def")], 9, [(1, b"abcd"), (9, b"ef")]),
    ("bytes: several buffers in one put", Bytes(2), [(3, b"abcde")], 9, [(3, b"ab"), (3, b"cd"), (9, b"e")]),
    ("bytes: the next fill waits again", Bytes(2), [(0, b"abc"), (4, b"d")], 9, [(0, b"ab"), (4, b"cd")]),
    ("bytes: nothing", Bytes(2), [], 9, []),
    ("interval: one alone", Interval(10), [(3, b"a")], 99, [(13, b"a")]),
    ("interval: together", Interval(10), [(3, b"a"), (8, b"b"), (12, b"c")], 99, [(13, b"abc")]),
    ("interval: at the deadline belongs to it", Interval(10), [(0, b"a"), (10, b"b")], 99, [(10, b"ab")]),
    ("interval: the first held byte starts it", Interval(10), [(0, b"a"), (25, b"b")], 99, [(10, b"a"), (35, b"b")]),
    ("interval: the end comes first", Interval(10), [(0, b"a")], 4, [(4, b"a")]),
    ("interval: nothing starts no clock", Interval(10), [(0, b""), (5, b"a")], 99, [(15, b"a")]),
    ("end: one piece", End(), [(0, b"a"), (5, b"b")], 9, [(9, b"ab")]),
    ("end: nothing", End(), [], 9, []),
]


@pytest.mark.parametrize(
    ("policy", "puts", "end_ns", "writes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_writes(policy: Policy, puts: list[Put], end_ns: int, writes: list[Write]) -> None:
    assert drive(policy, puts, end_ns) == writes


def test_deadlines() -> None:
    every, full, interval, end = Every(), Bytes(4), Interval(10), End()
    policies: list[Policy] = [every, full, interval, end]
    assert [policy.deadline() for policy in policies] == [None] * 4
    for policy in policies:
        policy.put(b"ab", 5)
    assert [policy.deadline() for policy in policies] == [5, None, 15, None]
    for policy in policies:
        policy.put(b"cd", 7)
    assert [policy.deadline() for policy in policies] == [5, 7, 15, None]
    for policy in policies:
        policy.finish(9)
    assert [policy.deadline() for policy in policies] == [5, 7, 9, 9]
    for policy in policies:
        drain(policy, 9)
    assert [policy.deadline() for policy in policies] == [None] * 4


def test_nothing_leaves_before_its_time() -> None:
    interval = Interval(10)
    interval.put(b"a", 0)
    assert interval.take(9) == b""
    assert interval.take(10) == b"a"


def test_a_buffer_that_never_fills_is_refused() -> None:
    with pytest.raises(ValueError, match="0 bytes"):
        Bytes(0)


puts_of_any_kind = st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=20)), max_size=20).map(
    lambda puts: sorted(puts, key=lambda put: put[0])
)


@pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
@given(puts=puts_of_any_kind)
def test_bytes_are_conserved_and_in_order(make: Callable[[], Policy], puts: list[Put]) -> None:
    policy = make()
    writes = drive(policy, puts, 301)
    assert b"".join(piece for _, piece in writes) == b"".join(data for _, data in puts)
    assert [when for when, _ in writes] == sorted(when for when, _ in writes)
    assert policy.held_bytes == 0
    assert policy.deadline() is None


@pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
@given(puts=puts_of_any_kind)
def test_held_bytes_is_what_did_not_leave_yet(make: Callable[[], Policy], puts: list[Put]) -> None:
    policy = make()
    put_bytes = taken_bytes = 0
    for now_ns, data in puts:
        policy.put(data, now_ns)
        put_bytes += len(data)
        taken_bytes += sum(len(piece) for _, piece in drain(policy, now_ns))
        assert policy.held_bytes == put_bytes - taken_bytes


@pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
@given(puts=puts_of_any_kind)
def test_a_server_that_comes_late_still_gets_everything(make: Callable[[], Policy], puts: list[Put]) -> None:
    policy = make()
    for now_ns, data in puts:
        policy.put(data, now_ns)
    policy.finish(301)
    assert b"".join(piece for _, piece in drain(policy, 301)) == b"".join(data for _, data in puts)


@given(puts=puts_of_any_kind, size_bytes=st.integers(1, 30))
def test_every_piece_of_a_buffer_is_full_but_the_last(puts: list[Put], size_bytes: int) -> None:
    sizes = [len(piece) for _, piece in drive(Bytes(size_bytes), puts, 301)]
    assert all(size == size_bytes for size in sizes[:-1])
    assert all(0 < size <= size_bytes for size in sizes)


@given(puts=puts_of_any_kind)
def test_every_keeps_the_pieces(puts: list[Put]) -> None:
    assert drive(Every(), puts, 301) == [put for put in puts if put[1]]


@given(puts=puts_of_any_kind, interval_ns=st.integers(0, 200))
def test_no_byte_is_held_longer_than_the_interval(puts: list[Put], interval_ns: int) -> None:
    written_at = [when for when, piece in drive(Interval(interval_ns), puts, 301) for _ in piece]
    put_at = [when for when, data in puts for _ in data]
    assert all(0 <= late <= interval_ns for late in (w - p for w, p in zip(written_at, put_at, strict=True)))
