"""Runs made up for tests: traces that could have been measured, written where a test wants them.

The rule: every instant follows from the plan, a one-way delay and a shape of delivery, so that a test can say what each
figure must be. Nothing is random and nothing is read from a clock.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from lab.analysis.metrics import Records
from lab.trace.run_info import RUN_FILE, CellInfo, RepetitionInfo, RunInfo, Skipped
from lab.trace.schema import TABLES, empty
from lab.trace.store import Run, open_run, write_repetition

MS = 1_000_000
START_NS = 5_000 * 1_000 * MS  # a machine that has been up for a while: no instant is small
HEAD_BYTES = 160
CHUNK_BYTES = 32

Delivery = Callable[[int], int]
"""From a chunk's number (counted from 0) to the number of the chunk whose write carries it."""


def table(name: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return table `name`; columns that a row does not name are null."""
    return pa.Table.from_pylist(list(rows), schema=TABLES[name])


def chunk_rows(
    arrivals_ms: Sequence[float],
    dues_ms: Sequence[float | None] | None = None,
    *,
    stream: int = 1,
    rep: int = 1,
    **columns: Sequence[Any],
) -> list[dict[str, Any]]:
    """Return chunks of one stream that arrive at these times; `columns` holds whole columns by name, as they are stored."""
    rows = []
    for index, arrival_ms in enumerate(arrivals_ms):
        due_ms = dues_ms[index] if dues_ms is not None else None
        row = {
            "cell": "c",
            "rep": rep,
            "stream": stream,
            "seq": index + 1,
            "arrival_ns": at(arrival_ms),
            "due_ns": at(due_ms),
        }
        rows.append(row | {name: values[index] for name, values in columns.items()})
    return rows


def at(time_ms: float | None) -> int | None:
    """Return the instant `time_ms` after the start of the made-up world."""
    return None if time_ms is None else START_NS + round(time_ms * MS)


def records(
    chunks: Sequence[dict[str, Any]], streams: Sequence[dict[str, Any]] = (), path: Sequence[dict[str, Any]] = ()
) -> Records:
    """Return the tables of one cell."""
    return Records(table("chunks", chunks), table("streams", streams), table("path", path))


def smooth(index: int) -> int:
    """Every chunk leaves by itself."""
    return index


def lumps(size: int) -> Delivery:
    """Chunks leave `size` at a time, with the last of them: what Nagle does at RTT > Δ."""
    return lambda index: index - index % size + size - 1


def whole(index: int) -> int:
    """Everything leaves with the last chunk."""
    return 1_000_000


def repetition(
    cell: str,
    rep: int,
    delivery: Delivery = smooth,
    *,
    streams: int = 1,
    chunks: int = 40,
    interval_ms: float = 20.0,
    delay_ms: float = 20.0,
    stall: tuple[int, float] | None = None,
    plan_known: bool = True,
) -> dict[str, pa.Table]:
    """Return the tables of one repetition. `stall`: from this chunk on (counted from 0) everything is so many ms later.

    Without `plan_known` it is somebody else's server, seen from outside: no due, emit or write instants and no writes.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("chunks", "writes", "reads", "streams")}
    for stream in range(1, streams + 1):
        key = {"cell": cell, "rep": rep, "stream": stream}
        begun_ms = 1000.0 * rep + 3.0 * stream
        events = _events(key, begun_ms, delivery, chunks, interval_ms, delay_ms, stall)
        rows["chunks"] += events
        rows["writes"] += (
            _syscalls(events, key, "write_index", ("write_ns", "accepted_ns", "sent_ns")) if plan_known else []
        )
        rows["reads"] += _syscalls(events, key, "read_index", ("read_ns",))
        rows["streams"].append(_stream(events, key, begun_ms, delay_ms))
    if not plan_known:
        hidden = (
            "place",
            "due_ns",
            "emit_ns",
            "write_ns",
            "accepted_ns",
            "sched_ns",
            "sent_ns",
            "recv_ns",
            "write_index",
        )
        rows["chunks"] = [row | dict.fromkeys(hidden) for row in rows["chunks"]]
    return {name: table(name, found) for name, found in rows.items()}


def _events(
    key: dict[str, Any],
    begun_ms: float,
    delivery: Delivery,
    chunks: int,
    interval_ms: float,
    delay_ms: float,
    stall: tuple[int, float] | None,
) -> list[dict[str, Any]]:
    rows = []
    for index in range(chunks):
        carrier = min(delivery(index), chunks - 1)
        due_ms = begun_ms + delay_ms + interval_ms * index
        written_ms = begun_ms + delay_ms + interval_ms * carrier + 0.1
        sent_ms = written_ms + (stall[1] if stall and carrier >= stall[0] else 0.0) + 0.01
        read_ms = sent_ms + delay_ms + 0.05
        rows.append(
            key
            | {
                "seq": index + 1,
                "response": 1,
                "place": index + 1,
                "offset": HEAD_BYTES + CHUNK_BYTES * index,
                "bytes": CHUNK_BYTES,
                "text": f" word{index}",
            }
            | {
                "due_ns": at(due_ms),
                "emit_ns": at(due_ms + 0.05),
                "write_ns": at(written_ms),
                "accepted_ns": at(written_ms + 0.01),
            }
            | {
                "sent_ns": at(sent_ms),
                "recv_ns": at(sent_ms + delay_ms),
                "read_ns": at(read_ms),
                "arrival_ns": at(read_ms),
            }
            | {"write_index": carrier + 1, "read_index": carrier + 1}
        )
    return rows


def _syscalls(
    events: Sequence[dict[str, Any]], key: dict[str, Any], by: str, stamps: Sequence[str]
) -> list[dict[str, Any]]:
    """The sends or recvs that carried the events, one row each."""
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        row = found.setdefault(event[by], key | {"index": event[by], "offset": event["offset"], "bytes": 0})
        row["bytes"] += event["bytes"]
        row |= {stamp: event[stamp] for stamp in stamps}
    return [row | ({"blocked": 0} if by == "write_index" else {}) for row in found.values()]


def _stream(events: Sequence[dict[str, Any]], key: dict[str, Any], begun_ms: float, delay_ms: float) -> dict[str, Any]:
    return key | {
        "connection": key["stream"],
        "request": 1,
        "due_ns": at(begun_ms),
        "connect_ns": at(begun_ms - 2 * delay_ms - 1),
        "connected_ns": at(begun_ms - 1),
        "request_ns": at(begun_ms),
        "first_byte_ns": at(begun_ms + 2 * delay_ms),
        "headers_ns": at(begun_ms + 2 * delay_ms),
        "end_ns": events[-1]["arrival_ns"],
        "status": 200,
        "completion": "done",
        "reconnects": 0,
        "chunks_expected": len(events),
        "chunks_received": len(events),
    }


def packets(tables: dict[str, pa.Table], error_ms: float = 0.1) -> pa.Table:
    """Return a packet log for a repetition: one packet down for every write, `error_ms` late out of the emulator."""
    rows = [
        {"cell": write["cell"], "rep": write["rep"], "direction": "down", "index": index, "connection": write["stream"]}
        | {
            "payload_bytes": write["bytes"],
            "bytes": write["bytes"] + 52,
            "t_in_ns": write["sent_ns"],
            "verdict": "sent",
        }
        | {"t_due_ns": write["sent_ns"] + 20 * MS, "t_out_ns": write["sent_ns"] + round((20 + error_ms) * MS)}
        for index, write in enumerate(tables["writes"].to_pylist(), start=1)
    ]
    return table("path", rows)


def settings(**client: Any) -> dict[str, Any]:
    """Return the resolved settings of a cell, as far as the analysis reads them."""
    link = {"delay": "20ms", "jitter": "0ms", "loss": None, "rate": None, "queue": None}
    return {
        "workload": {"profile": "ticker", "chunks": 40, "interval": "20ms"},
        "path": {"backend": "auto", "up": link, "down": link},
        "client": {"arrivals": "together", "read_delay": "0ms"} | client,
    }


def made_up_run(directory: Path, *, repeat: int = 2, streams: int = 2) -> Run:
    """Write a run of six cells: smooth, lumps, a stall, all at the end, one that no path could carry, one never valid."""
    shapes: dict[tuple[str, bool], dict[str, Any]] = {
        ("every", True): {},
        ("every", False): {"delivery": lumps(2)},
        ("none", True): {"delivery": lumps(10)},
        ("none", False): {"delivery": lumps(10), "stall": (20, 230.0)},
        ("end", True): {"delivery": whole},
        ("end", False): {"delivery": whole},
    }
    info = RunInfo(
        scenario={"scenario": {"name": "synthetic", "description": "Shapes of delivery", "repeat": repeat, "seed": 1}},
        source="synthetic",
        seed=1,
        repeat=repeat,
        started="2026-01-02T03:04:05+00:00",
        cells=[],
        environment={
            "kernel": "6.18.0",
            "cpu": "a processor",
            "cores": 2,
            "python": "3.11.7",
            "sysctls": {"net.core.somaxconn": "4096"},
        },
        finished=True,
    )
    for (flush, nodelay), shape in shapes.items():
        cell = f"{flush}-{'nodelay' if nodelay else 'nagle'}"
        skipped = Skipped(reason="no TUN device: EPERM", remedy="Run as root.") if cell == "end-nagle" else None
        axes = {"server.flush": flush, "server.nodelay": nodelay}
        backend = None if skipped else "tun"
        info.cells.append(CellInfo(cell=cell, axes=axes, settings=settings(), backend=backend, skipped=skipped))
        if skipped is None:
            _add_repetitions(directory, info, cell, repeat, streams, shape)
    info.save(directory / RUN_FILE)
    return open_run(directory)


def _add_repetitions(
    directory: Path, info: RunInfo, cell: str, repeat: int, streams: int, shape: dict[str, Any]
) -> None:
    for slot in range(1, repeat + 1):
        tables = repetition(cell, slot, streams=streams, **shape)
        write_repetition(directory, cell, slot, tables | {"path": packets(tables)})
        valid = cell != "end-nodelay"
        reasons = (
            [] if valid else ["the client read late: 9.1 ms at p95, more than 5 ms (a quarter of the planned 20 ms)"]
        )
        info.repetitions.append(
            RepetitionInfo(
                cell=cell, rep=slot, slot=slot, valid=valid, reasons=reasons,
                started_ns=START_NS, finished_ns=START_NS + 900 * MS, error_bars={"emit_lag_ms": 0.05, "slack_us": None},
            )
        )  # fmt: skip


def large_chunks(streams: int, chunks: int) -> pa.Table:
    """Return streams × chunks rows, built column by column because a million dicts would outlast the test."""
    import numpy as np

    count = streams * chunks
    seq = np.tile(np.arange(1, chunks + 1), streams)
    due_ns = START_NS + seq * 20 * MS
    known = {
        "cell": pa.array(["c"] * count),
        "rep": np.ones(count, dtype=np.int64),
        "stream": np.repeat(np.arange(1, streams + 1), chunks),
        "seq": seq,
        "due_ns": due_ns,
        "emit_ns": due_ns,
        "recv_ns": due_ns + 20 * MS,
        "read_ns": due_ns + 20 * MS,
        "arrival_ns": due_ns + 20 * MS,
        "read_index": seq,
    }
    blank = empty("chunks").schema
    columns = [pa.array(known[f.name], f.type) if f.name in known else pa.nulls(count, f.type) for f in blank]
    return pa.Table.from_arrays(columns, schema=blank)
