"""One sentence per cell for a reader who has never seen the lab: when the letters came and in what company.

The rule: it says what was seen at the reader's end, in numbers that the tables also hold. It names no cause: who held the
letters is for the diagnosis to prove.
"""

from lab.analysis import words
from lab.analysis.arrays import quantile
from lab.analysis.metrics import Metrics
from lab.analysis.received import Received, planned_interval_ms

# Below this many chunks per read a second chunk in one read is an accident of scheduling, not the stream's habit.
ONE_BY_ONE = 1.05

# A longest gap is worth telling when it is this many times the usual one.
LONG_PAUSE = 2.0

# The cadence is said to differ from the plan beyond this share.
OFF_PLAN = 0.1


def tell(chunks: Received, metrics: Metrics) -> str:
    """Return the sentence for a cell with these `chunks` and these figures of them."""
    if not metrics.chunks:
        return f"No letter arrived in {words.count(metrics.streams or 0, 'stream')}."
    first = f"The first letter came after {words.ms(metrics.ttfc_ms_p50)}"
    if metrics.chunks == chunks.starts.size:
        return f"{first}; it was the only one."
    pause_ms = usual_pause_ms(chunks)
    if pause_ms is None:
        return f"{first}, and all the others of its stream came with it."
    return f"{first}; then letters came {_company(metrics.chunks_per_read)}, {_cadence(chunks, metrics, pause_ms)}."


def usual_pause_ms(chunks: Received) -> float | None:
    """Return the median gap between arrivals that are not simultaneous, or None if all of a stream came at once."""
    gaps_ms = chunks.gaps_ms
    return quantile(gaps_ms[gaps_ms > 0], 0.5)


def _company(chunks_per_read: float | None) -> str:
    if chunks_per_read is None:
        return "in steps"
    return "one by one" if chunks_per_read < ONE_BY_ONE else f"in lumps of {words.digits(chunks_per_read)} per read"


def _cadence(chunks: Received, metrics: Metrics, pause_ms: float) -> str:
    text = f"every {words.ms(pause_ms)}"
    planned_ms = planned_interval_ms(chunks.table)
    if planned_ms is not None and abs(pause_ms - planned_ms) > OFF_PLAN * planned_ms:
        text += f" (planned: every {words.ms(planned_ms)})"
    longest_ms = metrics.gap_ms_max or 0.0
    return text + (f", the longest pause {words.ms(longest_ms)}" if longest_ms > LONG_PAUSE * pause_ms else "")
