"""How smoothly the letters came: stalls, fluidity, and the delay that would have hidden every stall.

The rule: each figure is computed stream by stream and pooled by its own sums, never as a mean of ratios. Null where there
was nothing to measure: a response that came in one read has no duration in which it could stall.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lab.analysis.arrays import NS_PER_MS, Floats, known_integers
from lab.analysis.received import Received


def stall_ratio(chunks: Received, threshold_ms: float) -> float | None:
    """Return the share of the streaming time that was lost in gaps above `threshold_ms`.

    Σ over gaps > threshold of max(0, gap − Δᵢ), over Σ (last − first arrival); None where that time is 0.
    """
    duration_ms = float(chunks.spans_ns.sum()) / NS_PER_MS
    if duration_ms == 0:
        return None
    gaps_ms = chunks.gaps_ms
    lost_ms = np.maximum(0.0, gaps_ms - chunks.intervals_ms)[gaps_ms > threshold_ms]
    return float(lost_ms.sum()) / duration_ms


def startup_buffer_ms(chunks: Received) -> float | None:
    """Return the render delay that would have hidden every stall of every stream, in ms.

    The largest aᵢ − a₁ − (dueᵢ − due₁), at least 0; a further response goes on with the plan where the one before ended.
    None where due times are unknown: without a plan there is no telling a stall from a pause that was meant.
    """
    _, known = known_integers(chunks.table, "due_ns")
    if not known.size or not known.all():
        return None
    steps_ns = np.zeros(known.size, dtype=np.int64)
    steps_ns[~chunks.is_first] = np.rint(chunks.intervals_ms * NS_PER_MS)
    behind_ns = chunks.since_first(chunks.arrival_ns) - chunks.since_first(np.cumsum(steps_ns))
    return max(0.0, float(behind_ns.max()) / NS_PER_MS)


@dataclass(frozen=True)
class Deadlines:
    """D_p (first chunk) and D_d (every later one) of the fluidity index, in ms; Etalon's defaults."""

    prefill_ms: float = 100.0
    decode_ms: float = 50.0

    def at_least(self, interval_ms: float | None) -> "Deadlines":
        """The same, but no stricter than the workload's own planned interval."""
        if interval_ms is None:
            return self
        return Deadlines(max(self.prefill_ms, interval_ms), max(self.decode_ms, interval_ms))


ETALON = Deadlines()


def fluidity_index(chunks: Received, ttfc_ms: Floats, deadlines: Deadlines) -> float | None:
    """Return the share of deadlines met, pooled over streams; `ttfc_ms` has one entry per stream, NaN leaves it out."""
    missed = total = 0
    for place, first_ms in zip(chunks.streams(), ttfc_ms.tolist(), strict=True):
        if math.isnan(first_ms):
            continue
        intervals_ns = [round(first_ms * NS_PER_MS), *chunks.gap_ns[place][1:].tolist()]
        stream_missed, stream_total = count_deadlines(intervals_ns, deadlines)
        missed, total = missed + stream_missed, total + stream_total
    return 1 - missed / total if total else None


def count_deadlines(intervals_ns: Iterable[int], deadlines: Deadlines) -> tuple[int, int]:
    """Return (missed, total) deadlines of one stream: TTFC first, then its gaps, in ns so that a tie is a tie.

    As Etalon's code computes it (Agrawal et al. 2024, "Etalon: Holistic Performance Evaluation Framework for LLM
    Inference Systems"): a chunk before its deadline saves up slack for later ones; a late one misses as many deadlines as
    passed before it came, and the next starts afresh.
    """
    missed = total = slack_ns = 0
    decode_ns = round(deadlines.decode_ms * NS_PER_MS)
    deadline_ns = round(deadlines.prefill_ms * NS_PER_MS)
    for interval_ns in intervals_ns:
        spare_ns = slack_ns + deadline_ns - interval_ns
        if spare_ns >= 0:
            slack_ns = spare_ns
            total += 1
        else:
            passed = -spare_ns // decode_ns + 1
            missed, total, slack_ns = missed + passed, total + passed, 0
        deadline_ns = decode_ns
    return missed, total
