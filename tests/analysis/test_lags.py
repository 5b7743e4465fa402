"""The lab's own lateness, and whose fault a wait is not."""

import numpy as np
import pytest

from lab.analysis.lags import emit_lag_ms, path_error_ms, read_lag_ms
from lab.analysis.received import received
from tests.synthetic import at, chunk_rows, table

NAN = float("nan")

READ_LAGS: dict[str, tuple[list[float | None], list[float | None], list[float]]] = {
    "read at once": ([0, 20, 40], [0, 20, 40], [0, 0, 0]),
    "read late": ([0, 20, 40], [1, 25, 40], [1, 5, 0]),
    "behind a lost segment: not the client's wait": ([0, 140, 40, 60], [0, 140, 140, 140], [0, 0, 0, 0]),
    "behind a lost segment and then read late": ([0, 140, 40], [0, 143, 143], [0, 3, 3]),
    "no record of the path": ([None, None], [0, 20], [NAN, NAN]),
    "one segment unknown": ([0, None, 40], [1, 25, 42], [1, NAN, 2]),
    "a client that hides its reads": ([0, 20], [None, None], [NAN, NAN]),
}


@pytest.mark.parametrize(("recv", "read", "expected"), READ_LAGS.values(), ids=READ_LAGS)
def test_read_lag(recv: list[float | None], read: list[float | None], expected: list[float]) -> None:
    rows = chunk_rows([500] * len(recv), recv_ns=[at(ms) for ms in recv], read_ns=[at(ms) for ms in read])
    np.testing.assert_array_equal(read_lag_ms(received(table("chunks", rows))), expected)


def test_a_wait_for_what_is_no_chunk_is_no_fault_of_the_client() -> None:
    """The response's head was lost: the first chunk's own segment lay there long before anybody could read it."""
    rows = chunk_rows([240, 241], recv_ns=[at(20), at(40)], readable_ns=[at(240), at(240)], read_ns=[at(240), at(241)])
    assert read_lag_ms(received(table("chunks", rows))).tolist() == [0, 1]


def test_one_streams_loss_does_not_excuse_another() -> None:
    late = chunk_rows([500], stream=1, recv_ns=[at(400)], read_ns=[at(400)])
    other = chunk_rows([500], stream=2, recv_ns=[at(10)], read_ns=[at(30)])
    assert read_lag_ms(received(table("chunks", [*late, *other]))).tolist() == [0, 20]


def test_emit_lag_counts_chunks_that_never_arrived() -> None:
    rows = chunk_rows([0, 0, 0], [0, 20, None], emit_ns=[at(0.5), at(23), at(1)])
    rows[1]["arrival_ns"] = None
    np.testing.assert_array_equal(emit_lag_ms(table("chunks", rows)), [0.5, 3, NAN])


def test_path_error_is_the_distance_of_forwarded_packets_both_ways() -> None:
    key = {"cell": "c", "rep": 1, "direction": "down", "verdict": "sent"}
    rows = [
        key | {"index": 1, "t_due_ns": at(20), "t_out_ns": at(20.25)},
        key | {"index": 2, "t_due_ns": at(40), "t_out_ns": at(39.5)},
        key | {"index": 3, "t_due_ns": at(60), "t_out_ns": at(99), "verdict": "held"},
        key | {"index": 4, "t_due_ns": None, "t_out_ns": None, "verdict": "dropped: loss"},
    ]
    assert path_error_ms(table("path", rows)).tolist() == [0.25, 0.5]
    assert path_error_ms(table("path", [])).size == 0
