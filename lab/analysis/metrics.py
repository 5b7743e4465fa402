"""The figures of one cell: exactly the metric columns of `summary.csv`, in their order.

The rule: everything is pooled over the chunks (or streams) given, whether one repetition's or all of a cell; a figure that
could not be measured is None.
"""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.analysis.arrays import NS_PER_MS, Floats, integers, quantile, spans_ms, stream_keys
from lab.analysis.completeness import completeness
from lab.analysis.distortion import gap_jitter_ms, ttfc_bias_ms
from lab.analysis.lags import emit_lag_ms, path_error_ms, read_lag_ms
from lab.analysis.received import Received, planned_interval_ms, received
from lab.analysis.smoothness import ETALON, Deadlines, fluidity_index, stall_ratio, startup_buffer_ms


@dataclass(frozen=True)
class Records:
    """The tables of one cell, or of one repetition of it, that the figures are computed from."""

    chunks: pa.Table
    streams: pa.Table
    path: pa.Table


@dataclass(frozen=True)
class Measuring:
    """How to measure. `open_arrivals`: requests were due by the clock, so waiting to start counts against TTFC."""

    open_arrivals: bool = False
    deadlines: Deadlines = ETALON


CLOSED = Measuring()


def _figure(doc: str) -> Any:
    return field(metadata={"doc": doc})


@dataclass(frozen=True)
class Metrics:
    """One value per metric column; milliseconds and ratios, None where it could not be measured."""

    streams: int | None = _figure("streams that readers asked for")
    chunks: int | None = _figure("chunks received, each time that one was")
    ttfb_ms_p50: float | None = _figure("median time from the request's first byte to the response's first byte")
    ttfc_ms_p50: float | None = _figure("median time to the first chunk")
    ttfc_ms_p95: float | None = _figure("95th percentile of the time to the first chunk")
    gap_ms_p50: float | None = _figure("median gap between two arrivals of a stream, zeros inside one read included")
    gap_ms_p95: float | None = _figure("95th percentile of the gaps")
    gap_ms_p99: float | None = _figure("99th percentile of the gaps")
    gap_ms_max: float | None = _figure("longest gap")
    lateness_ms_p50: float | None = _figure("median of arrival − due")
    lateness_ms_p99: float | None = _figure("99th percentile of arrival − due")
    age_ms_p50: float | None = _figure("median of arrival − accepted: how stale a chunk is, whatever the plan was")
    chunks_per_read: float | None = _figure("chunks received per read that completed any")
    stall_ratio_60: float | None = _figure("share of the streaming time lost in gaps above 60 ms")
    stall_ratio_100: float | None = _figure("share of the streaming time lost in gaps above 100 ms")
    stall_ratio_200: float | None = _figure("share of the streaming time lost in gaps above 200 ms")
    fluidity_index: float | None = _figure("share of Etalon's deadlines that were met")
    startup_buffer_ms: float | None = _figure("render delay that would have hidden every stall")
    emit_lag_ms_p99: float | None = _figure("99th percentile of emit − due: the server's own error")
    read_lag_ms_p99: float | None = _figure("99th percentile of the time a readable chunk waited for the client")
    path_error_ms_p99: float | None = _figure("99th percentile of |left − should have left| over the path's packets")
    ttfc_bias_ms_p50: float | None = _figure("median of what the client added to a TTFC: first arrival − readable")
    gap_jitter_ms_p99: float | None = _figure("99th percentile of |gap − gap at the client's kernel|: the client's own")
    reconnects: int | None = _figure("times that readers came back with another request")
    chunks_lost: int | None = _figure("planned chunks that never reached their reader")
    chunks_doubled: int | None = _figure("chunks that reached their reader again")


METRIC_DOCS: dict[str, str] = {column.name: column.metadata["doc"] for column in fields(Metrics)}


def measure(records: Records, measuring: Measuring = CLOSED) -> Metrics:
    """Compute every figure of `records`, which hold one cell and any number of its repetitions."""
    chunks = received(records.chunks)
    values = _all_values(chunks, records, measuring)
    gaps_ms, lateness_ms, ttfc_ms = values["gap_ms"], values["lateness_ms"], values["ttfc_ms"]
    deadlines = measuring.deadlines.at_least(planned_interval_ms(records.chunks))
    whole = completeness(records.chunks, records.streams)
    return Metrics(
        streams=records.streams.num_rows,
        chunks=chunks.table.num_rows,
        ttfb_ms_p50=quantile(values["ttfb_ms"], 0.5),
        ttfc_ms_p50=quantile(ttfc_ms, 0.5),
        ttfc_ms_p95=quantile(ttfc_ms, 0.95),
        gap_ms_p50=quantile(gaps_ms, 0.5),
        gap_ms_p95=quantile(gaps_ms, 0.95),
        gap_ms_p99=quantile(gaps_ms, 0.99),
        gap_ms_max=quantile(gaps_ms, 1.0),
        lateness_ms_p50=quantile(lateness_ms, 0.5),
        lateness_ms_p99=quantile(lateness_ms, 0.99),
        age_ms_p50=quantile(values["age_ms"], 0.5),
        chunks_per_read=chunks_per_read(chunks),
        stall_ratio_60=stall_ratio(chunks, 60.0),
        stall_ratio_100=stall_ratio(chunks, 100.0),
        stall_ratio_200=stall_ratio(chunks, 200.0),
        fluidity_index=fluidity_index(chunks, ttfc_ms, deadlines),
        startup_buffer_ms=startup_buffer_ms(chunks),
        emit_lag_ms_p99=quantile(values["emit_lag_ms"], 0.99),
        read_lag_ms_p99=quantile(values["read_lag_ms"], 0.99),
        path_error_ms_p99=quantile(values["path_error_ms"], 0.99),
        ttfc_bias_ms_p50=quantile(ttfc_bias_ms(chunks), 0.5),
        gap_jitter_ms_p99=quantile(gap_jitter_ms(chunks), 0.99),
        reconnects=pc.sum(records.streams.column("reconnects")).as_py(),
        chunks_lost=None if whole is None else whole.lost,
        chunks_doubled=None if whole is None else whole.doubled,
    )


def all_values(records: Records, measuring: Measuring = CLOSED) -> dict[str, Floats]:
    """Return what the quantiles are quantiles of, every value of it: `ttfc_ms` and so on, NaN where it is unknown."""
    return _all_values(received(records.chunks), records, measuring)


def _all_values(chunks: Received, records: Records, measuring: Measuring) -> dict[str, Floats]:
    return {
        "ttfb_ms": spans_ms(records.streams, "request_ns", "first_byte_ns"),
        "ttfc_ms": time_to_first_chunk_ms(chunks, records.streams, measuring.open_arrivals),
        "gap_ms": chunks.gaps_ms,
        "lateness_ms": spans_ms(chunks.table, "due_ns", "arrival_ns"),
        "age_ms": spans_ms(chunks.table, "accepted_ns", "arrival_ns"),
        "emit_lag_ms": emit_lag_ms(records.chunks),
        "read_lag_ms": read_lag_ms(chunks),
        "path_error_ms": path_error_ms(records.path),
    }


def time_to_first_chunk_ms(chunks: Received, streams: pa.Table, open_arrivals: bool) -> Floats:
    """Return the TTFC of every stream that received a chunk, in the order of `chunks.starts`; NaN where unknown.

    From the request's first byte; with open arrivals from the instant at which the request was due, because a request that
    had to wait for its turn would otherwise hide its wait (coordinated omission).
    """
    begin_ns = streams.column("request_ns")
    if open_arrivals:
        begin_ns = pc.coalesce(streams.column("due_ns"), begin_ns)
    begins_by_key = dict(zip(stream_keys(streams).tolist(), begin_ns.to_pylist(), strict=True))
    firsts_by_key = zip(chunks.keys.tolist(), chunks.arrival_ns[chunks.starts].tolist(), strict=True)
    spans_ns = [
        np.nan if (begun_ns := begins_by_key.get(key)) is None else first_ns - begun_ns
        for key, first_ns in firsts_by_key
    ]
    return np.asarray(spans_ns, dtype=np.float64) / NS_PER_MS


def chunks_per_read(chunks: Received) -> float | None:
    """Return chunks received over the reads that completed any; None where a client cannot tell its reads."""
    read_index = chunks.table.column("read_index")
    if not chunks.table.num_rows or read_index.null_count:
        return None
    new_read = chunks.is_first | (np.diff(integers(chunks.table, "read_index"), prepend=-1) != 0)
    received_count: int = chunks.table.num_rows
    return received_count / int(new_read.sum())
