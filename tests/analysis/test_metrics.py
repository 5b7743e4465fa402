"""The figures of a cell, computed by hand, and with every column that can be null being null."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.metrics import METRIC_DOCS, Measuring, Records, measure
from lab.trace.schema import TABLES, empty
from tests.synthetic import (
    MS,
    START_NS,
    at,
    chunk_rows,
    large_chunks,
    lumps,
    packets,
    records,
    repetition,
    table,
    whole,
)

CONTRACT = """streams chunks ttfb_ms_p50 ttfc_ms_p50 ttfc_ms_p95 gap_ms_p50 gap_ms_p95 gap_ms_p99 gap_ms_max lateness_ms_p50
lateness_ms_p99 age_ms_p50 chunks_per_read stall_ratio_60 stall_ratio_100 stall_ratio_200 fluidity_index startup_buffer_ms
emit_lag_ms_p99 read_lag_ms_p99 path_error_ms_p99 ttfc_bias_ms_p50 gap_jitter_ms_p99 reconnects chunks_lost
chunks_doubled""".split()


def test_the_metrics_are_the_contracts_in_its_order() -> None:
    assert list(METRIC_DOCS) == CONTRACT
    assert all(METRIC_DOCS.values())


def of(tables: dict[str, Any]) -> Records:
    return Records(tables["chunks"], tables["streams"], tables.get("path", empty("path")))


SHAPES: dict[str, tuple[dict[str, Any], dict[str, float | None]]] = {
    "smooth": (
        {},
        {"gap_ms_p50": 20, "gap_ms_max": 20, "chunks_per_read": 1, "stall_ratio_60": 0, "fluidity_index": 1,
         "ttfc_ms_p50": 40.16, "ttfb_ms_p50": 40, "lateness_ms_p50": 20.16, "age_ms_p50": 20.05, "startup_buffer_ms": 0},
    ),
    "lumps of two": (
        {"delivery": lumps(2)},
        {"gap_ms_p50": 0, "gap_ms_max": 40, "chunks_per_read": 2, "stall_ratio_60": 0, "ttfc_ms_p50": 60.16,
         "lateness_ms_p50": 30.16, "startup_buffer_ms": 0},
    ),
    "a stall of 230": (
        {"stall": (20, 230.0)},
        {"gap_ms_max": 250, "chunks_per_read": 1, "stall_ratio_60": 230 / 1010, "stall_ratio_200": 230 / 1010,
         "startup_buffer_ms": 230, "age_ms_p50": (20.05 + 250.05) / 2},
    ),
    "everything at the end": (
        {"delivery": whole},
        {"gap_ms_max": 0, "chunks_per_read": 40, "stall_ratio_60": None, "ttfc_ms_p50": 820.16, "startup_buffer_ms": 0,
         "fluidity_index": 1 - 15 / 54},
    ),
    "somebody else's server": (
        {"plan_known": False},
        {"gap_ms_p50": 20, "chunks_per_read": 1, "lateness_ms_p50": None, "lateness_ms_p99": None, "age_ms_p50": None,
         "startup_buffer_ms": None, "emit_lag_ms_p99": None, "stall_ratio_60": 0, "fluidity_index": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("shape", "expected"), SHAPES.values(), ids=SHAPES)
def test_figures_of_a_shape(shape: dict[str, Any], expected: dict[str, float | None]) -> None:
    metrics = asdict(measure(of(repetition("c", 1, streams=3, **shape))))
    assert metrics["streams"] == 3
    assert metrics["chunks"] == 120
    found = {name: metrics[name] for name in expected}
    assert found == pytest.approx(expected)


def test_error_bars_come_from_the_lags() -> None:
    tables = repetition("c", 1)
    metrics = measure(of(tables | {"path": packets(tables, error_ms=0.3)}))
    bars = (metrics.emit_lag_ms_p99, metrics.read_lag_ms_p99, metrics.path_error_ms_p99)
    assert bars == pytest.approx((0.05, 0.05, 0.3))


def test_repetitions_are_pooled_by_chunks() -> None:
    one, other = repetition("c", 1, chunks=10), repetition("c", 2, chunks=30, interval_ms=40)
    chunks, streams = (pa.concat_tables([one[name], other[name]]) for name in ("chunks", "streams"))
    metrics = measure(Records(chunks, streams, empty("path")))
    assert (metrics.streams, metrics.chunks) == (2, 40)
    assert metrics.gap_ms_p50 == 40
    assert metrics.chunks_per_read == 1


STREAM = {"cell": "c", "rep": 1, "stream": 1}

FIRST_CHUNKS: dict[str, tuple[dict[str, float | None], bool, float | None]] = {
    "closed": ({"due_ns": 0, "request_ns": 30}, False, 70),
    "open: from the instant it was due": ({"due_ns": 0, "request_ns": 30}, True, 100),
    "open, due unknown": ({"due_ns": None, "request_ns": 30}, True, 70),
    "no request seen": ({"due_ns": None, "request_ns": None}, False, None),
}


@pytest.mark.parametrize(("stamps", "is_open", "expected"), FIRST_CHUNKS.values(), ids=FIRST_CHUNKS)
def test_time_to_first_chunk(stamps: dict[str, float | None], is_open: bool, expected: float | None) -> None:
    stream = STREAM | {name: at(ms) for name, ms in stamps.items()}
    metrics = measure(records(chunk_rows([100, 120]), [stream]), Measuring(open_arrivals=is_open))
    assert metrics.ttfc_ms_p50 == expected


def test_first_byte_and_first_chunk_are_two_things() -> None:
    stream = STREAM | {"request_ns": at(0), "first_byte_ns": at(21)}
    metrics = measure(records(chunk_rows([100]), [stream]))
    assert (metrics.ttfb_ms_p50, metrics.ttfc_ms_p50) == (21, 100)


def test_a_stream_without_chunks_counts_as_a_stream_only() -> None:
    streams = [STREAM | {"stream": n, "request_ns": at(0)} for n in (1, 2)]
    metrics = measure(records(chunk_rows([100], stream=2), streams))
    assert (metrics.streams, metrics.chunks, metrics.ttfc_ms_p50, metrics.gap_ms_p50) == (2, 1, 100, None)


READS: dict[str, tuple[list[int | None], float | None]] = {
    "one each": ([1, 2, 3, 4], 1),
    "two each": ([1, 1, 4, 4], 2),
    "reads that completed nothing do not count": ([3, 7, 7, 9], 4 / 3),
    "all in one": ([5, 5, 5, 5], 4),
    "a client that hides its reads": ([None, None, None, None], None),
}


@pytest.mark.parametrize(("reads", "expected"), READS.values(), ids=READS)
def test_chunks_per_read(reads: list[int | None], expected: float | None) -> None:
    metrics = measure(records(chunk_rows([0, 1, 2, 3], read_index=reads)))
    assert metrics.chunks_per_read == (None if expected is None else pytest.approx(expected))


def test_reads_of_two_streams_are_two_reads() -> None:
    rows = [*chunk_rows([0], stream=1, read_index=[1]), *chunk_rows([0], stream=2, read_index=[1])]
    assert measure(records(rows)).chunks_per_read == 1


def test_with_nothing_measured_every_figure_is_empty_and_none_is_zero() -> None:
    figures = asdict(measure(records([])))
    assert figures.pop("streams") == figures.pop("chunks") == 0
    assert set(figures.values()) == {None}


@pytest.mark.parametrize("column", [field.name for field in TABLES["chunks"] if field.nullable])
def test_any_column_may_be_null(column: str) -> None:
    tables = repetition("c", 1, delivery=lumps(2))
    place = tables["chunks"].column_names.index(column)
    field = TABLES["chunks"].field(column)
    blank = table("chunks", [{"cell": "c", "rep": 1, "stream": 1, "seq": 1}] * tables["chunks"].num_rows)
    nulled = tables["chunks"].set_column(place, field, blank.column(column))
    metrics = measure(Records(nulled, tables["streams"], empty("path")))
    assert metrics.streams == 1
    assert metrics.chunks == (0 if column == "arrival_ns" else 40)


def test_nanoseconds_survive_a_long_uptime() -> None:
    uptime_ns = 400 * 24 * 3600 * 1_000 * MS  # beyond 2^53 ns a float64 no longer holds every nanosecond
    rows = [STREAM | {"seq": n + 1, "arrival_ns": uptime_ns + n, "due_ns": uptime_ns} for n in range(3)]
    metrics = measure(records(rows))
    assert metrics.gap_ms_p50 == 1e-6
    assert metrics.lateness_ms_p50 == 1e-6


def test_a_large_table_gives_the_same_as_a_small_one() -> None:
    metrics = measure(Records(large_chunks(200, 500), empty("streams"), empty("path")))
    assert metrics.chunks == 100_000
    assert (metrics.gap_ms_p50, metrics.gap_ms_max, metrics.lateness_ms_p99) == (20, 20, 20)
    assert metrics.chunks_per_read == 1


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=20), st.integers(1, 10**12))
def test_only_differences_matter(steps: list[tuple[int, int]], shift_ns: int) -> None:
    arrivals = np.cumsum([gap for gap, _ in steps]).tolist()
    dues = np.cumsum([plan for _, plan in steps]).tolist()
    rows = chunk_rows(arrivals, dues)
    stream = STREAM | {"request_ns": START_NS - 5, "first_byte_ns": START_NS - 1}
    later = [row | {name: row[name] + shift_ns for name in ("arrival_ns", "due_ns")} for row in rows]
    later_stream = STREAM | {"request_ns": START_NS + shift_ns - 5, "first_byte_ns": START_NS + shift_ns - 1}
    assert measure(records(rows, [stream])) == measure(records(later, [later_stream]))
