"""The join: what server, path and client said of the same bytes becomes one row per chunk, write, read and stream."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.trace.join import Joined, PathLog, join
from lab.trace.records import ChunkRow, ReadRow, SaidRow, StreamSaid, StreamSeen, WriteRow
from lab.trace.schema import TABLES
from lab.trace.store import write_repetition
from tests.trace.packet_logs import CLIENT_PORT, LOST, NULL, SERVER_PORT, UP, Segment, connection, packet_log

HEAD = 100
"""Bytes of the response's head; chunks of 10 bytes follow."""

# The head leaves with write 1, chunk 1 with write 2, chunks 2 and 3 together with write 3.
SAID = StreamSaid(
    stream=1,
    client_port=CLIENT_PORT,
    server_port=SERVER_PORT,
    connection_offset=0,
    chunks=[
        SaidRow(100, 110, 2, due_ns=1_000, emit_ns=1_010, text="a"),
        SaidRow(110, 120, 3, due_ns=2_000, emit_ns=2_010, text="b"),
        SaidRow(120, 130, 3, due_ns=3_000, emit_ns=3_010, text="c"),
    ],
    writes=[WriteRow(0, 100, 0, 500, 520), WriteRow(100, 10, 0, 1_100, 1_150), WriteRow(110, 20, 2, 3_100, 3_150)],
    sockets={},
)
SEEN = StreamSeen(
    stream=1, due_ns=100, connection=4, request=2, client_port=CLIENT_PORT, server_port=SERVER_PORT,
    connect_ns=200, connected_ns=300, request_ns=400, first_byte_ns=700, headers_ns=700, end_ns=9_000, status=200,
    completion="done",
    reads=[ReadRow(0, 105, 690, 700), ReadRow(105, 25, None, 5_000)],
    chunks=[ChunkRow(110, "a", 5_001, 2), ChunkRow(120, "b", 5_001, 2), ChunkRow(130, "c", 5_001, 2)],
)  # fmt: skip
# Head and half of chunk 1 in one segment; the rest in another, which was lost and sent again.
PATH = packet_log(
    [Segment(0, 105, 1_120, 4_000), Segment(105, 130, 3_110, verdict=LOST), Segment(105, 130, 3_500, 4_900)]
)


def _join(
    said: StreamSaid | None = SAID, seen: StreamSeen = SEEN, path: PathLog | None = PATH, chunks_expected: int = 3
) -> Joined:
    return join("a-cell", 2, [said] if said else [], [seen], path, chunks_expected)


# What a browser can tell: no ports, no offsets, no connection; with an EventSource no reads either.
WITHOUT_SOCKETS = replace(SEEN, connection=0, request=0, client_port=None, server_port=None)
IN_READS = replace(
    WITHOUT_SOCKETS,
    reads=[ReadRow(None, 5, None, 5_000)],
    chunks=[ChunkRow(None, text, 5_001, 1) for text in "abc"],
)
IN_EVENTS = replace(WITHOUT_SOCKETS, reads=[], chunks=[ChunkRow(None, text, 5_001, 0) for text in "abc"])


def _rows(joined: Joined, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = joined.tables[table].to_pylist()
    return rows


def _column(joined: Joined, table: str, name: str) -> list[Any]:
    return [row[name] for row in _rows(joined, table)]


CHUNK_COLUMNS = (
    "seq offset bytes text due_ns emit_ns write_ns accepted_ns sent_ns recv_ns read_ns arrival_ns write_index read_index"
).split()
EXPECTED_CHUNKS = [
    (1, 100, 10, "a", 1_000, 1_010, 1_100, 1_150, 3_110, 4_900, 5_000, 5_001, 2, 2),
    (2, 110, 10, "b", 2_000, 2_010, 3_100, 3_110, 3_110, 4_900, 5_000, 5_001, 3, 2),
    (3, 120, 10, "c", 3_000, 3_010, 3_100, 3_110, 3_110, 4_900, 5_000, 5_001, 3, 2),
]


def test_chunks_with_merged_writes_split_segments_and_a_retransmission() -> None:
    rows = _rows(_join(), "chunks")
    assert [tuple(row[name] for name in CHUNK_COLUMNS) for row in rows] == EXPECTED_CHUNKS
    assert {(row["cell"], row["rep"], row["stream"]) for row in rows} == {("a-cell", 2, 1)}
    assert {(row["sched_ns"], row["acked_ns"]) for row in rows} == {(None, None)}


def test_writes() -> None:
    columns = "index offset bytes blocked write_ns accepted_ns sent_ns".split()
    assert [tuple(row[name] for name in columns) for row in _rows(_join(), "writes")] == [
        (1, 0, 100, 0, 500, 520, 1_120),
        (2, 100, 10, 0, 1_100, 1_150, 3_110),
        (3, 110, 20, 2, 3_100, 3_150, 3_110),
    ]


def test_reads() -> None:
    columns = "index offset bytes stamp_ns read_ns".split()
    assert [tuple(row[name] for name in columns) for row in _rows(_join(), "reads")] == [
        (1, 0, 105, 690, 700),
        (2, 105, 25, None, 5_000),
    ]


def test_streams() -> None:
    (row,) = _rows(_join(chunks_expected=9), "streams")
    assert row == {
        "cell": "a-cell", "rep": 2, "stream": 1, "connection": 4, "request": 2,
        "client_port": CLIENT_PORT, "server_port": SERVER_PORT, "client_isn": 7, "server_isn": 1_000,
        "due_ns": 100, "connect_ns": 200, "connected_ns": 300, "request_ns": 400, "first_byte_ns": 700,
        "headers_ns": 700, "end_ns": 9_000, "status": 200, "completion": "done", "error": None,
        "reconnects": 0, "chunks_expected": 9, "chunks_received": 3,
    }  # fmt: skip


def test_the_packet_log_in_words_and_nulls() -> None:
    log = packet_log([Segment(0, 0, 5, 6, direction=UP, connection=NULL), Segment(0, 9, 7, verdict=LOST)])
    rows = _rows(_join(path=log), "path")
    columns = "direction index connection payload_bytes t_in_ns t_out_ns verdict".split()
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("up", 1, None, 0, 5, 6, "sent"),
        ("down", 2, 1, 9, 7, None, "dropped: loss"),
    ]


# Accepted: refined to `sent` only where the segment is known to have left before `send` returned.
ACCEPTED: dict[str, tuple[int | None, int]] = {
    "sent while send ran": (1_120, 1_120),
    "sent the moment it was called": (1_100, 1_100),
    "sent as it returned": (1_150, 1_150),
    "sent afterwards: held by Nagle": (9_999, 1_150),
    "sent before: another copy of the byte": (1_099, 1_150),
    "never seen on the path": (None, 1_150),
}


@pytest.mark.parametrize(("sent_ns", "accepted_ns"), ACCEPTED.values(), ids=ACCEPTED)
def test_when_the_kernel_had_it(sent_ns: int | None, accepted_ns: int) -> None:
    log = packet_log([] if sent_ns is None else [Segment(0, 110, sent_ns, sent_ns + 5)])
    joined = _join(path=log)
    assert _column(joined, "chunks", "accepted_ns")[0] == accepted_ns
    assert _column(joined, "writes", "accepted_ns")[1] == 1_150


def test_without_a_path_nothing_crossed_it() -> None:
    joined = _join(path=None)
    assert "path" not in joined.tables
    assert _column(joined, "chunks", "sent_ns") == _column(joined, "chunks", "recv_ns") == [None] * 3
    assert _column(joined, "streams", "server_isn") == [None]
    assert _column(joined, "chunks", "accepted_ns") == [1_150, 3_150, 3_150]


@pytest.mark.parametrize(
    ("seen", "reads"), [(IN_READS, [5_000] * 3), (IN_EVENTS, [None] * 3)], ids=["with reads", "with events alone"]
)
def test_what_a_client_without_sockets_cannot_tell_comes_from_the_server(
    seen: StreamSeen, reads: list[int | None]
) -> None:
    joined = _join(seen=seen)
    assert joined.disagreements == 0
    assert _column(joined, "chunks", "offset") == [100, 110, 120]
    assert _column(joined, "chunks", "recv_ns") == [4_900] * 3, "found by the server's ports"
    assert _column(joined, "chunks", "read_ns") == reads
    assert _column(joined, "chunks", "read_index") == [read and 1 for read in reads]
    assert _column(joined, "reads", "offset") == [None] * len(seen.reads)
    (stream,) = _rows(joined, "streams")
    assert [stream[name] for name in ("connection", "request", "client_port")] == [None, None, None]


def test_a_client_without_sockets_that_saw_another_text_disagrees() -> None:
    other = replace(IN_EVENTS, chunks=[*IN_EVENTS.chunks[:2], ChunkRow(None, "x", 5_001, 0)])
    assert _join(seen=other).disagreements == 1


def test_an_unknown_server_leaves_its_side_null() -> None:
    joined = _join(said=None)
    assert joined.disagreements == 0
    for name in ("due_ns", "emit_ns", "write_ns", "accepted_ns", "write_index"):
        assert _column(joined, "chunks", name) == [None] * 3
    assert _rows(joined, "writes") == []
    assert _column(joined, "chunks", "text") == ["a", "b", "c"]
    assert _column(joined, "chunks", "recv_ns") == [4_900] * 3
    ends = [row["offset"] + row["bytes"] for row in _rows(joined, "chunks")]
    assert ends == [110, 120, 130]


def test_chunks_that_never_left_the_application() -> None:
    """Emitted into a buffer that was never flushed: known by plan and text, null from there on."""
    unsent = SaidRow(None, None, None, due_ns=4_000, emit_ns=4_010, text="d")
    joined = _join(replace(SAID, chunks=[*SAID.chunks, unsent]))
    last = _rows(joined, "chunks")[3]
    assert joined.disagreements == 0
    assert (last["due_ns"], last["emit_ns"], last["text"]) == (4_000, 4_010, "d")
    nulls = "offset bytes write_ns accepted_ns sent_ns recv_ns read_ns arrival_ns write_index read_index".split()
    assert [last[name] for name in nulls] == [None] * len(nulls)


def test_chunks_that_never_arrived() -> None:
    joined = _join(seen=StreamSeen(1, 100, client_port=CLIENT_PORT, server_port=SERVER_PORT))
    assert joined.disagreements == 0
    assert _column(joined, "chunks", "arrival_ns") == [None] * 3
    assert _column(joined, "chunks", "recv_ns") == [4_900] * 3
    assert _column(joined, "chunks", "text") == ["a", "b", "c"]
    assert _column(joined, "streams", "chunks_received") == [0]


DISAGREEMENTS: dict[str, tuple[list[SaidRow], int]] = {
    "none": (SAID.chunks, 0),
    "another end": ([SAID.chunks[0]._replace(end=111), *SAID.chunks[1:]], 1),
    "fewer chunks said than seen": (SAID.chunks[:1], 2),
    "seen, though it never left": ([*SAID.chunks[:2], SaidRow(None, None, None, 1, 2, "c")], 1),
    "everything moved by one": ([row._replace(end=(row.end or 0) + 1) for row in SAID.chunks], 3),
}


@pytest.mark.parametrize(("chunks", "count"), DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_what_the_sides_disagree_about_is_counted(chunks: list[SaidRow], count: int) -> None:
    assert _join(replace(SAID, chunks=chunks)).disagreements == count


def test_a_response_behind_others_on_its_connection() -> None:
    """The packets count from the connection's first byte, the record from its own."""
    log = packet_log([Segment(0, 500, 50, 60), Segment(500, 610, 1_120, 4_000), Segment(610, 630, 3_110, 4_900)])
    joined = _join(replace(SAID, connection_offset=500), path=log)
    assert _column(joined, "chunks", "sent_ns") == [1_120, 3_110, 3_110]
    assert _column(joined, "chunks", "recv_ns") == [4_000, 4_900, 4_900]


def test_streams_are_joined_by_their_label_and_packets_by_their_ports() -> None:
    said = [replace(SAID, stream=number) for number in (2, 1)]
    seen = [StreamSeen(1, 0, client_port=40_001, server_port=SERVER_PORT, chunks=SEEN.chunks, reads=SEEN.reads),
            StreamSeen(2, 0, client_port=40_002, server_port=SERVER_PORT, chunks=SEEN.chunks, reads=SEEN.reads),
            StreamSeen(3, 0)]  # fmt: skip
    log = packet_log(
        [Segment(0, 130, 10, 20, connection=1), Segment(0, 130, 30, 40, connection=2)],
        [connection(1, 40_002), connection(2, 40_001)],
    )
    joined = join("c", 1, said, seen, log, 3)
    assert _column(joined, "chunks", "stream") == [1, 1, 1, 2, 2, 2]
    assert _column(joined, "chunks", "sent_ns") == [30, 30, 30, 10, 10, 10]
    assert _column(joined, "streams", "stream") == [1, 2, 3]


def test_no_streams_at_all_are_empty_tables() -> None:
    joined = join("c", 1, [], [], packet_log([]), 3)
    assert {name: table.num_rows for name, table in joined.tables.items()} == dict.fromkeys(TABLES, 0)
    assert all(table.schema == TABLES[name] for name, table in joined.tables.items())


def test_the_tables_are_those_that_are_stored(tmp_path: Any) -> None:
    write_repetition(tmp_path, "a-cell", 2, _join().tables)


cuts = st.lists(st.integers(1, 40), min_size=1, max_size=60)


@given(chunk_sizes=st.lists(st.integers(1, 30), min_size=1, max_size=20), segments=cuts, reads=cuts)
def test_a_chunk_has_the_times_of_what_carried_its_last_byte(
    chunk_sizes: list[int], segments: list[int], reads: list[int]
) -> None:
    total = sum(chunk_sizes)
    ends = [sum(chunk_sizes[: n + 1]) for n in range(len(chunk_sizes))]
    segment_ends, read_ends = _cut(total, segments), _cut(total, reads)
    log = packet_log([Segment(a, b, 1_000 + b, 2_000 + b) for a, b in _spans(segment_ends)])
    rows = [ReadRow(a, b - a, None, 3_000 + b) for a, b in _spans(read_ends)]
    chunks = [ChunkRow(end, "x", 9_000, 1 + next(n for n, b in enumerate(read_ends) if b >= end)) for end in ends]
    seen = StreamSeen(1, 0, client_port=CLIENT_PORT, server_port=SERVER_PORT, reads=rows, chunks=chunks)
    joined = _join(said=None, seen=seen, path=log)
    carriers = [next(b for b in segment_ends if b >= end) for end in ends]
    assert _column(joined, "chunks", "sent_ns") == [1_000 + b for b in carriers]
    assert _column(joined, "chunks", "recv_ns") == [2_000 + b for b in carriers]
    assert _column(joined, "chunks", "read_ns") == [3_000 + next(b for b in read_ends if b >= end) for end in ends]


def _cut(total: int, sizes: list[int]) -> list[int]:
    """Where pieces of these sizes end, the last one at `total`."""
    ends = [end for end in (sum(sizes[: n + 1]) for n in range(len(sizes))) if end < total]
    return [*ends, total]


def _spans(ends: list[int]) -> list[tuple[int, int]]:
    return list(zip([0, *ends], ends, strict=False))


# A reader that came back: response 1 said a, b and c, of which c never arrived; response 2 goes on with c, by another port.
AGAIN_PORT = 40_002
SAID_FIRST = replace(SAID, head_ns=450, planned=4)
SAID_AGAIN = StreamSaid(
    stream=1, client_port=AGAIN_PORT, server_port=SERVER_PORT, connection_offset=0, head_ns=20_050, first_place=3, planned=4,
    chunks=[SaidRow(100, 110, 2, 21_000, 21_010, "c"), SaidRow(110, 120, 2, 22_000, 22_010, "d")],
    writes=[WriteRow(0, 100, 0, 20_500, 20_520), WriteRow(100, 20, 0, 22_020, 22_050)],
    sockets={},
)  # fmt: skip
SEEN_AGAIN = StreamSeen(
    stream=1, due_ns=20_000, connection=5, client_port=AGAIN_PORT, server_port=SERVER_PORT, request_ns=20_000,
    reads=[ReadRow(0, 120, None, 25_000)], chunks=[ChunkRow(110, "c", 25_001, 1), ChunkRow(120, "d", 25_001, 1)],
)  # fmt: skip
SEEN_TWICE = replace(SEEN, end_ns=26_000, chunks=SEEN.chunks[:2], returns=[SEEN_AGAIN])
PATH_TWICE = packet_log(
    [Segment(0, 130, 1_120, 4_900, connection=1), Segment(0, 120, 22_030, 24_000, connection=2)],
    [connection(1, CLIENT_PORT), connection(2, AGAIN_PORT)],
)


def _join_twice(said: list[StreamSaid], seen: StreamSeen = SEEN_TWICE, *, proxied: bool = False) -> Joined:
    return join("a-cell", 2, said, [seen], PATH_TWICE, 9, proxied=proxied)


@pytest.mark.parametrize("said", [[SAID_FIRST, SAID_AGAIN], [SAID_AGAIN, SAID_FIRST]], ids=["as said", "as recorded"])
def test_the_responses_of_a_reader_who_came_back_are_one_stream(said: list[StreamSaid]) -> None:
    joined = _join_twice(said)
    assert joined.disagreements == 0
    columns = "seq response place offset text recv_ns arrival_ns write_index read_index".split()
    assert [tuple(row[name] for name in columns) for row in _rows(joined, "chunks")] == [
        (1, 1, 1, 100, "a", 4_900, 5_001, 2, 2),
        (2, 1, 2, 110, "b", 4_900, 5_001, 3, 2),
        (3, 1, 3, 120, "c", 4_900, None, 3, None),
        (4, 2, 3, 100, "c", 24_000, 25_001, 5, 3),
        (5, 2, 4, 110, "d", 24_000, 25_001, 5, 3),
    ]
    assert [(row["index"], row["response"], row["offset"]) for row in _rows(joined, "writes")] == [
        (1, 1, 0), (2, 1, 100), (3, 1, 110), (4, 2, 0), (5, 2, 100),
    ]  # fmt: skip
    assert [(row["index"], row["response"], row["offset"]) for row in _rows(joined, "reads")] == [
        (1, 1, 0), (2, 1, 105), (3, 2, 0),
    ]  # fmt: skip
    (stream,) = _rows(joined, "streams")
    named = "reconnects chunks_expected chunks_received client_port first_byte_ns end_ns completion".split()
    assert [stream[name] for name in named] == [1, 4, 4, CLIENT_PORT, 700, 26_000, "done"]


def test_what_was_said_twice_is_there_twice() -> None:
    """A server that knows no ids begins again."""
    chunks = [row._replace(text=text) for row, text in zip(SAID_AGAIN.chunks, "ab", strict=True)]
    restarted = replace(SAID_AGAIN, first_place=1, chunks=chunks)
    seen = replace(SEEN_TWICE, returns=[replace(SEEN_AGAIN, chunks=[ChunkRow(110, "a", 25_001, 1)])])
    joined = _join_twice([SAID_FIRST, restarted], seen)
    assert joined.disagreements == 0
    arrived = [(row["place"], row["response"]) for row in _rows(joined, "chunks") if row["arrival_ns"] is not None]
    assert arrived == [(1, 1), (2, 1), (1, 2)]


def test_a_request_that_never_reached_the_server_has_no_record_of_it() -> None:
    """Refused once, answered the next time."""
    refused = StreamSeen(stream=1, due_ns=15_000, connect_ns=15_000)
    joined = _join_twice([SAID_FIRST, SAID_AGAIN], replace(SEEN_TWICE, returns=[refused, SEEN_AGAIN]))
    assert joined.disagreements == 0
    assert _column(joined, "chunks", "response") == [1, 1, 1, 3, 3]
    assert _column(joined, "streams", "reconnects") == [2]


def test_an_answer_that_never_reached_its_reader_is_known_from_the_server() -> None:
    """The second connection was lost before its head came: its chunks were said, and none was seen."""
    unheard = StreamSeen(stream=1, due_ns=20_000, request_ns=20_000)
    third = replace(SAID_AGAIN, head_ns=40_050)
    seen = replace(SEEN_TWICE, returns=[unheard, replace(SEEN_AGAIN, request_ns=40_000)])
    joined = _join_twice([SAID_FIRST, SAID_AGAIN, third], seen)
    assert joined.disagreements == 0
    assert [(row["response"], row["place"], row["arrival_ns"]) for row in _rows(joined, "chunks")][3:] == [
        (2, 3, None), (2, 4, None), (3, 3, 25_001), (3, 4, 25_001),
    ]  # fmt: skip


def test_a_page_that_came_back_is_joined_by_when_it_had_lost_the_first_response() -> None:
    """It has no ports and no reads, and says only when the connection was gone."""
    texts = zip("cd", (25_001, 25_002), strict=True)
    again = StreamSeen(1, 19_000, request_ns=19_000, chunks=[ChunkRow(None, text, at, 0) for text, at in texts])
    seen = replace(IN_EVENTS, chunks=IN_EVENTS.chunks[:2], returns=[again])
    joined = _join_twice([SAID_FIRST, SAID_AGAIN], seen)
    assert joined.disagreements == 0
    assert _column(joined, "chunks", "recv_ns") == [4_900] * 3 + [24_000] * 2, "found by the server's ports"
    assert _column(joined, "chunks", "read_index") == [None] * 5


def test_behind_a_hop_each_response_has_its_own_connection() -> None:
    moved = [replace(record, client_port=port) for record, port in ((SAID_FIRST, 1), (SAID_AGAIN, 2))]
    joined = _join_twice(moved, proxied=True)
    assert joined.disagreements == 0
    assert _column(joined, "chunks", "recv_ns") == [4_900, 4_900, None, 24_000, 24_000]


@given(
    cuts=st.lists(st.integers(0, 12), max_size=4),
    lost=st.integers(0, 2),
)
def test_however_often_it_was_cut_nothing_is_lost_from_the_record(cuts: list[int], lost: int) -> None:
    """Each response goes on after what had arrived; up to two further chunks were said and never came."""
    total, said, seen, place = 12, [], [], 0
    for number, cut in enumerate([*sorted(cuts), total]):
        begin_ns, texts = 1_000 * number, [str(n) for n in range(place, min(total, max(cut, place) + lost))]
        said.append(
            StreamSaid(
                1, 1, 2, 0, [SaidRow(None, None, None, 1, 2, t) for t in texts], [], {}, begin_ns + 5, place + 1, total
            )
        )
        came = [ChunkRow(None, text, begin_ns + 9, 0) for text in texts[: max(0, cut - place)]]
        seen.append(StreamSeen(1, begin_ns, request_ns=begin_ns, chunks=came))
        place = max(cut, place)
    joined = join("c", 1, reversed(said), [replace(seen[0], returns=seen[1:])], None, None)
    rows = _rows(joined, "chunks")
    assert joined.disagreements == 0
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(row["text"] == str(row["place"] - 1) for row in rows)
    assert [row["place"] for row in rows if row["arrival_ns"] is not None] == list(range(1, total + 1))
