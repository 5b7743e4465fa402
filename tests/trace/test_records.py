"""The record of each side: empty means that it did not happen, and it survives the way between processes."""

import pickle

from lab.trace.records import ChunkRow, ClientRecord, ReadRow, SaidRow, StreamSaid, StreamSeen, WriteRow

STAMPS = "connect_ns connected_ns request_ns first_byte_ns headers_ns end_ns status completion error".split()


def test_nothing_has_happened_to_a_stream_that_has_just_begun() -> None:
    seen = StreamSeen(stream=3, due_ns=5)
    assert [getattr(seen, name) for name in STAMPS] == [None] * len(STAMPS)
    assert (seen.reads, seen.chunks) == ([], [])


def test_two_streams_share_no_rows() -> None:
    first, second = StreamSeen(1, 0), StreamSeen(2, 0)
    first.reads.append(ReadRow(0, 1, None, 9))
    assert second.reads == []


def test_records_travel_between_processes() -> None:
    said = StreamSaid(1, 2, 3, 0, [SaidRow(0, 9, 1, 5, 6, "a")], [WriteRow(0, 9, 0, 7, 8)], {"TCP_NODELAY": (1, 1)})
    seen = StreamSeen(1, 0, reads=[ReadRow(0, 9, None, 10)], chunks=[ChunkRow(9, "a", 11, 1)])
    record = ClientRecord([seen], {"SO_RCVBUF": (None, 131_072)})
    assert pickle.loads(pickle.dumps((said, record))) == (said, record)
