"""What the charts take out of a run: for each believable cell its gaps, its planned rhythm and one stream as an example.

The rule: here a run becomes arrays in ms; the chart modules beside this one never see a file. Invalid repetitions are left
out, as everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.analysis.arrays import NS_PER_MS, Floats, Ints
from lab.analysis.received import planned_interval_ms, received
from lab.model.units import parse_duration
from lab.trace.store import Run


@dataclass(frozen=True)
class StreamView:
    """One stream: `begin_ns` is its request's first byte; the arrays are in ms from there, sorted, unknowns left out."""

    label: str
    chunks: pa.Table
    writes: pa.Table
    begin_ns: int

    def staircase(self, column: str) -> tuple[Floats, Ints]:
        """Return (instants in ms, characters so far) for the instants in `column`; both empty if none is known."""
        known = self.chunks.filter(pc.is_valid(self.chunks.column(column))).sort_by(column)
        characters = pc.fill_null(pc.utf8_length(known.column("text")), 1).to_numpy()
        return self._since_begin(known, column), np.cumsum(characters)

    def writes_ms(self) -> Floats:
        """When each write was called; empty for somebody else's server."""
        return self._since_begin(self.writes.filter(pc.is_valid(self.writes.column("write_ns"))), "write_ns")

    def arrivals_ms(self) -> Floats:
        """When each chunk arrived; chunks of one read are equal."""
        return self.staircase("arrival_ns")[0]

    def _since_begin(self, known: pa.Table, column: str) -> Floats:
        return np.asarray(np.sort(known.column(column).to_numpy()) - self.begin_ns, dtype=np.float64) / NS_PER_MS


@dataclass(frozen=True)
class GapView:
    """All gaps of a cell in ms, and the rhythm that could explain them: planned interval and round-trip time, if known."""

    label: str
    gaps_ms: Floats
    interval_ms: float | None
    rtt_ms: float | None


def stream_views(run: Run, cells: Sequence[str] | None = None) -> list[StreamView]:
    """Return the first stream with chunks of each cell's first valid repetition; cells without one are left out."""
    found = []
    for cell, rep in _valid_repetitions(run, cells, first_only=True):
        view = _first_stream(run, cell, rep)
        if view is not None:
            found.append(view)
    return found


def gap_views(run: Run, cells: Sequence[str] | None = None) -> list[GapView]:
    """Return the gaps of each cell that has any, pooled over its valid repetitions."""
    tables: dict[str, list[pa.Table]] = {}
    for cell, rep in _valid_repetitions(run, cells, first_only=False):
        tables.setdefault(cell, []).append(run.repetition(cell, rep, "chunks"))
    views = [_gap_view(run, cell, pa.concat_tables(parts)) for cell, parts in tables.items()]
    return [view for view in views if view.gaps_ms.size]


def _valid_repetitions(run: Run, cells: Sequence[str] | None, *, first_only: bool) -> list[tuple[str, int]]:
    """(cell, rep) in the order of the run's cells."""
    wanted = [cell.cell for cell in run.info.cells if cells is None or cell.cell in cells]
    valid = {cell: [e.rep for e in run.info.repetitions if e.cell == cell and e.valid] for cell in wanted}
    return [(cell, rep) for cell in wanted for rep in valid[cell][: 1 if first_only else None]]


def _first_stream(run: Run, cell: str, rep: int) -> StreamView | None:
    chunks, streams = run.repetition(cell, rep, "chunks"), run.repetition(cell, rep, "streams")
    number = pc.min(chunks.filter(pc.is_valid(chunks.column("arrival_ns"))).column("stream")).as_py()
    begins = streams.filter(pc.equal(streams.column("stream"), number)).column("request_ns").drop_null()
    if number is None or not len(begins):
        return None
    own = pc.equal(chunks.column("stream"), number)
    writes = run.repetition(cell, rep, "writes")
    return StreamView(
        cell, chunks.filter(own), writes.filter(pc.equal(writes.column("stream"), number)), begins[0].as_py()
    )


def _gap_view(run: Run, cell: str, chunks: pa.Table) -> GapView:
    return GapView(cell, received(chunks).gaps_ms, planned_interval_ms(chunks), round_trip_ms(run, cell))


def round_trip_ms(run: Run, cell: str) -> float | None:
    """Return the round-trip time that the cell's path was asked for, or None if it was asked for no delay."""
    delays = [run.info.setting(cell, f"path.{direction}.delay") for direction in ("up", "down")]
    total_ns = sum(parse_duration(delay) for delay in delays if delay is not None)
    return total_ns / NS_PER_MS if total_ns else None
