"""The express stream does what a stream in the same mode does, whatever the socket does: bytes, calls and record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.server.express import ExpressStream
from lab.server.script import Frame
from lab.wire.framing import Chunked, Close, Framing
from tests.server.fakes import BLOCKED, HEAD, Bench, bench, frames_of

TAKES = st.lists(
    st.one_of(st.just(BLOCKED), st.integers(1, 20), st.just(1 << 30), st.just(ConnectionResetError("gone"))),
    max_size=12,
)
DUES_NS = st.lists(st.integers(0, 100), min_size=1, max_size=8).map(sorted)


def _express(plain: Bench, frames: list[Frame], framing: Framing) -> Bench:
    """The bench with an express stream in the place of its stream."""
    args = (plain.writer, lambda: plain.now_ns, plain.record)
    return Bench(ExpressStream(frames, 0, framing, *args), plain.writer, plain.socket, plain.record)


def _played(
    dues_ns: list[int], takes: list[int | OSError], framing: Framing, express: bool, early: bool, drains_ns: list[int]
) -> Bench:
    frames = frames_of(*((due_ns, "x" * place) for place, due_ns in enumerate(dues_ns)))
    played = bench(frames, takes, framing=framing)
    if express:
        played.stream = _express(played, frames, framing).stream
    played.play(played.stream.begin(HEAD, early=early), drains_ns)
    played.unblock()
    played.stream.abandon()
    return played


@pytest.mark.parametrize("framing", [Chunked(), Close()], ids=["chunked", "close"])
@given(dues_ns=DUES_NS, takes=TAKES, early=st.booleans(), drains_ns=st.lists(st.integers(0, 100), max_size=5))
def test_it_does_what_a_stream_does(
    framing: Framing, dues_ns: list[int], takes: list[int | OSError], early: bool, drains_ns: list[int]
) -> None:
    plain, express = (_played(dues_ns, takes, framing, which, early, drains_ns) for which in (False, True))
    assert express.socket == plain.socket
    assert express.record == plain.record
    assert express.record.said() == plain.record.said()
    assert express.writer.accepted_bytes == plain.writer.accepted_bytes
    assert (express.writer.complete, express.writer.failure) == (plain.writer.complete, plain.writer.failure)


def test_what_was_said_is_in_the_record_when_the_client_leaves_in_between() -> None:
    frames = frames_of((0, "a"), (10, "b"), (20, "c"))
    played = bench(frames)
    played.stream = _express(played, frames, Chunked()).stream
    played.stream.begin(HEAD, early=True)
    played.stream.step(0)
    played.now_ns = 10
    played.stream.step(10)
    played.stream.abandon()
    assert played.record.emit_ns == [0, 10]
    assert [row[0] for row in played.record.writes] == [len(HEAD), 14, 14]
    assert played.stream.step(20) is None
