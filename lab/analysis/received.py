"""The chunks that arrived, stream after stream, as flat arrays: the form in which every figure of a cell is computed.

The rule: one flat array per quantity and the places where streams begin, so that a million chunks cost a few vector
operations and no gap ever spans two streams.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.analysis.arrays import NS_PER_MS, Bools, Floats, Ints, integers, known_integers, quantile, stream_keys


@dataclass(frozen=True)
class Received:
    """Arrivals of one cell, sorted by (rep, stream, seq). All arrays but `starts` and `keys` have one entry per chunk.

    `starts`: index of each stream's first chunk; `keys`: that stream's `stream_keys`. `is_first` marks these chunks; for
    them `gap_ns` is 0 and `planned_ns` NaN. `planned_ns`: due − previous due, NaN where either is unknown, and at the first
    chunk of a further response: its dues count from a request that nobody had planned.
    """

    table: pa.Table
    starts: Ints
    keys: Ints
    is_first: Bools
    arrival_ns: Ints
    gap_ns: Ints
    planned_ns: Floats

    @property
    def gaps_ms(self) -> Floats:
        """Every gap between two arrivals of one stream, zeros inside one read included."""
        return self.gap_ns[~self.is_first] / NS_PER_MS

    @property
    def intervals_ms(self) -> Floats:
        """Δᵢ of every gap: the planned interval, or the median gap where no due time is known."""
        planned_ms = self.planned_ns[~self.is_first] / NS_PER_MS
        median_ms = quantile(self.gaps_ms, 0.5)
        return planned_ms if median_ms is None else np.where(np.isnan(planned_ms), median_ms, planned_ms)

    @property
    def spans_ns(self) -> Ints:
        """Last − first arrival of each stream."""
        return self.arrival_ns[self._ends - 1] - self.arrival_ns[self.starts]

    @property
    def _ends(self) -> Ints:
        return np.append(self.starts[1:], self.arrival_ns.size).astype(np.int64)[: self.starts.size]

    def streams(self) -> list[slice]:
        """The place of each stream in the flat arrays."""
        return [slice(*ends) for ends in zip(self.starts.tolist(), self._ends.tolist(), strict=True)]

    def since_first(self, values_ns: Ints) -> Ints:
        """`values_ns` counted from the value of the stream's first chunk."""
        return values_ns - np.repeat(values_ns[self.starts], self._ends - self.starts)


def received(chunks: pa.Table) -> Received:
    """Take the chunks of one cell that arrived. Any order of rows will do."""
    table = _in_stream_order(chunks.filter(pc.is_valid(chunks.column("arrival_ns"))))
    keys = stream_keys(table)
    is_first = np.diff(keys, prepend=-1) != 0
    arrival_ns = integers(table, "arrival_ns")
    due_ns, due_known = known_integers(table, "due_ns")
    response, _ = known_integers(table, "response")
    goes_on = ~is_first & (np.diff(response, prepend=response[:1]) == 0)
    both_known = due_known & np.roll(due_known, 1) & goes_on
    starts = np.flatnonzero(is_first)
    return Received(
        table=table,
        starts=starts,
        keys=keys[starts],
        is_first=is_first,
        arrival_ns=arrival_ns,
        gap_ns=np.where(is_first, 0, _steps(arrival_ns)),
        planned_ns=np.where(both_known, _steps(due_ns), np.nan),
    )


def _steps(values: Ints) -> Ints:
    return np.diff(values, prepend=values[:1])


def _in_stream_order(chunks: pa.Table) -> pa.Table:
    seq, keys = integers(chunks, "seq"), stream_keys(chunks)
    steps = np.diff(keys)
    if np.all((steps > 0) | ((steps == 0) & (np.diff(seq) > 0))):
        return chunks  # as the lab writes them; sorting a million rows again would cost more than all the figures
    return chunks.take(pa.array(np.lexsort((seq, keys))))


def planned_interval_ms(chunks: pa.Table) -> float | None:
    """Return Δ: the median interval between due *instants*, or None where no two are known.

    Chunks due together count as one instant; else the Δ of a burst workload would be 0 and nothing could be on time.
    """
    known = chunks.filter(pc.is_valid(chunks.column("due_ns")))
    keys, due_ns = stream_keys(known), integers(known, "due_ns")
    order = np.lexsort((due_ns, keys))
    steps_ns = np.diff(due_ns[order])[np.diff(keys[order]) == 0]
    return quantile(steps_ns[steps_ns > 0] / NS_PER_MS, 0.5)
