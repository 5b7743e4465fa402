"""What of the answer reached its reader: chunks that never came, and chunks that came again.

The rule: a chunk is told by its place in the planned answer, never by its text, because the same word may be meant twice.
Where the plan is not known nothing is counted: a reader cannot miss what nobody promised.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lab.analysis.arrays import integers, stream_keys


@dataclass(frozen=True)
class Completeness:
    """Of all streams together: planned chunks that never arrived, and arrivals of a chunk that had arrived before."""

    lost: int
    doubled: int


def completeness(chunks: pa.Table, streams: pa.Table) -> Completeness | None:
    """Compare what arrived with what had been planned. None where the plan, or a chunk's place in it, is unknown."""
    arrived = chunks.filter(pc.is_valid(chunks.column("arrival_ns")))
    expected = streams.column("chunks_expected")
    if not streams.num_rows or expected.null_count or arrived.column("place").null_count:
        return None
    places = np.stack([stream_keys(arrived), integers(arrived, "place")])
    different = np.unique(places, axis=1).shape[1]
    return Completeness(lost=pc.sum(expected).as_py() - different, doubled=arrived.num_rows - different)
