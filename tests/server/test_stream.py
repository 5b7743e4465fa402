"""A response without a network: what is emitted when, in which writes it leaves, and that its record tells the truth."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.server.record import StreamRecord
from lab.server.script import Frame
from lab.wire import sse
from lab.wire.flush import Bytes, End, Every, Interval, Policy
from lab.wire.framing import Chunked, Close
from lab.wire.response import ResponseReader
from lab.wire.stream import StreamReader
from tests.server.fakes import BLOCKED, CLOSE_HEAD, HEAD, bench, frames_of

A, B, END = b"9\r\ndata: a\n\n\r\n", b"9\r\ndata: b\n\n\r\n", b"0\r\n\r\n"
AB_MERGED = b"12\r\ndata: a\n\ndata: b\n\n\r\n"

# Mode → the writes in which two chunks leave, due at 0 and 10 ns.
WRITES: dict[str, tuple[Policy, bool, int, list[bytes]]] = {
    "every, head early": (Every(), True, 1, [HEAD, A, B, END]),
    "every, head with the first chunk": (Every(), False, 1, [HEAD + A, B, END]),
    "three writes": (
        Every(), True, 3,
        [HEAD, b"9\r\n", b"data: a\n\n", b"\r\n", b"9\r\n", b"data: b\n\n", b"\r\n", END],
    ),
    "three writes, head with the first": (
        Every(), False, 3,
        [HEAD + b"9\r\n", b"data: a\n\n", b"\r\n", b"9\r\n", b"data: b\n\n", b"\r\n", END],
    ),
    "end": (End(), True, 1, [HEAD, AB_MERGED + END]),
    "end, head late": (End(), False, 1, [HEAD + AB_MERGED + END]),
    "a buffer that never fills": (Bytes(4096), True, 1, [HEAD, AB_MERGED + END]),
    "a buffer of one chunk": (Bytes(9), True, 1, [HEAD, A, B, END]),
    "a buffer that cuts a chunk": (Bytes(12), True, 1, [HEAD, b"c\r\ndata: a\n\ndat\r\n", b"6\r\na: b\n\n\r\n" + END]),
    "an interval that ends between": (Interval(5), True, 1, [HEAD, A, B + END]),
    "three writes of a merged piece": (
        End(), True, 3, [HEAD, b"12\r\n", b"data: a\n\ndata: b\n\n", b"\r\n" + END],
    ),
    "an interval beyond the end": (Interval(50), True, 1, [HEAD, AB_MERGED + END]),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITES)
def test_the_mode_decides_in_which_writes_it_leaves(case: str) -> None:
    policy, early, writes_per_chunk, expected = WRITES[case]
    played = bench(frames_of((0, "a"), (10, "b")), policy=policy, writes_per_chunk=writes_per_chunk)
    played.play(played.stream.begin(HEAD, early=early))
    assert played.socket.sends == expected
    assert played.writer.complete


def test_nothing_is_emitted_early_and_each_step_names_the_next() -> None:
    played = bench(frames_of((0, "a"), (10, "b"), (10, "c"), (30, "d")))
    assert played.stream.begin(HEAD, early=True) == 0
    assert played.stream.step(0) == 10
    assert played.stream.step(9) == 10
    assert played.socket.sends == [HEAD, A]
    assert played.stream.step(10) == 30
    assert len(played.record.emit_ns) == 3
    assert played.stream.step(30) is None


def test_an_interval_flush_asks_to_be_stepped_at_its_own_deadline() -> None:
    played = bench(frames_of((0, "a"), (100, "b")), policy=Interval(7))
    played.stream.begin(HEAD, early=True)
    assert played.stream.step(0) == 7
    assert played.stream.step(7) == 100
    assert played.socket.sends == [HEAD, A]


def test_emission_stays_on_plan_while_the_socket_is_full() -> None:
    played = bench(frames_of((0, "a"), (10, "b"), (20, "c")), takes=[BLOCKED])
    played.now_ns = 1
    played.play(played.stream.begin(HEAD, early=True))
    assert played.record.emit_ns == [1, 10, 20]
    assert (played.socket.sends, played.socket.blocked_calls, played.writer.done) == ([], 1, False)
    played.now_ns = 500
    played.unblock()
    assert played.writer.complete
    assert [row.write_ns for row in played.record.said().writes] == [1, 500, 500, 500, 500]
    assert [row.blocked for row in played.record.said().writes] == [1, 0, 0, 0, 0]
    assert [row.accepted_ns for row in played.record.said().writes] == [500] * 5


ENDS = {"the client went away": None, "the connection was reset": ConnectionResetError()}


@pytest.mark.parametrize("case", ENDS)
def test_after_the_end_nothing_is_emitted_even_of_what_is_due(case: str) -> None:
    error = ENDS[case]
    played = bench(frames_of(*((0, text) for text in "abc"), (10, "d")), takes=[] if error is None else [9999, error])
    first_ns = played.stream.begin(HEAD, early=True)
    if error is None:
        played.stream.abandon()
    assert [played.stream.step(now_ns) for now_ns in (first_ns, 10, 20)] == [None] * 3
    assert len(played.record.emit_ns) == (0 if error is None else 1)
    assert (played.writer.done, played.writer.complete) == (True, False)
    assert played.socket.sends == [HEAD]


def test_a_chunk_that_never_left_the_buffer_has_no_place_in_the_response() -> None:
    played = bench(frames_of((0, "a"), (10, "b")), policy=End())
    played.stream.begin(HEAD, early=True)
    played.stream.step(0)
    played.stream.abandon()
    (row,) = played.record.said().chunks
    assert (row.offset, row.end, row.write_index, row.text) == (None, None, None, "a")


def test_a_chunk_that_the_kernel_never_took_has_no_write() -> None:
    played = bench(frames_of((0, "a"), (10, "b")), takes=[9999, BLOCKED])
    played.stream.begin(HEAD, early=True)
    played.stream.step(0)
    played.stream.abandon()
    (row,) = played.record.said().chunks
    assert (row.offset, row.end, row.write_index) == (len(HEAD) + 3, len(HEAD) + 12, None)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)


@st.composite
def _scripts(draw: st.DrawFn) -> list[Frame]:
    """Any frames, chunks and others, with due offsets in order."""
    due_ns, frames = 0, []
    for text, is_chunk, gap_ns in draw(
        st.lists(st.tuples(TEXTS, st.booleans(), st.integers(0, 50)), min_size=1, max_size=12)
    ):
        due_ns += gap_ns
        frames.append(Frame(due_ns, sse.encode(text), text if is_chunk else None))
    return frames


POLICIES = st.one_of(
    st.builds(Every),
    st.builds(End),
    st.integers(1, 200).map(Bytes),
    st.integers(1, 100).map(Interval),
)
# How much each `send` takes; BLOCKED now and then.
TAKES = st.lists(st.one_of(st.integers(1, 30), st.just(BLOCKED), st.just(10_000)), max_size=40)


@given(
    _scripts(), POLICIES, st.sampled_from([1, 3, 0]), st.booleans(), TAKES, st.lists(st.integers(0, 700), max_size=9)
)
def test_any_mode_and_any_socket_delivers_the_frames_and_the_record_points_at_them(
    frames: list[Frame], policy: Policy, writes: int, early: bool, takes: list[int], drains_ns: list[int]
) -> None:
    chunked = writes != 0
    played = bench(frames, takes, policy, Chunked() if chunked else Close(), writes or 1)
    played.play(played.stream.begin(HEAD if chunked else CLOSE_HEAD, early=early), drains_ns)
    played.unblock()
    assert played.writer.complete
    assert played.socket.done_calls == 1
    assert played.record.emit_ns == sorted(played.record.emit_ns)
    response = played.socket.received
    reader = StreamReader()
    arrived = reader.feed(response)
    assert [each.event.data for each in arrived] == [frame.data[6:-2].decode() for frame in frames]
    assert reader.response.complete is chunked
    _check_record(played.record, frames, response)


def _check_record(record: StreamRecord, frames: list[Frame], response: bytes) -> None:
    said = record.said()
    ends = list(accumulate(row.size_bytes for row in said.writes))
    assert [row.offset + row.size_bytes for row in said.writes] == ends
    assert ends[-1] == len(response)
    # Where each byte of the body stands in the response, as the reader's own parser sees it.
    places = [piece.offset + index for piece in ResponseReader().feed(response) for index in range(len(piece.data))]
    frame_ends = accumulate(len(frame.data) for frame in frames)
    chunks = [pair for pair in zip(frames, frame_ends, strict=True) if pair[0].text is not None]
    for row, (frame, body_end) in zip(said.chunks, chunks, strict=True):
        assert row.text == frame.text
        assert (row.offset, row.end) == (places[body_end - len(frame.data)], places[body_end - 1] + 1)
        assert row.end is not None
        assert row.emit_ns is not None
        assert row.emit_ns >= frame.due_offset_ns == row.due_ns
        assert row.write_index is not None
        write = said.writes[row.write_index - 1]
        assert write.offset < row.end <= write.offset + write.size_bytes
        assert row.emit_ns <= write.write_ns <= write.accepted_ns
