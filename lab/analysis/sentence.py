"""One sentence per cell for a reader who has never seen the lab: when the letters came and in what company.

The rule: it says what was seen at the reader's end, in numbers that the trace holds. It names no cause: who held the letters
is for the diagnosis to prove.
"""

from dataclasses import dataclass

from lab.analysis import words
from lab.analysis.arrays import quantile
from lab.analysis.metrics import Metrics
from lab.analysis.received import Received, planned_interval_ms

# Letters closer than this share of the planned interval look like one lump: a write of several segments is read in pieces
# that lie some hundred microseconds apart, and nobody sees those.
LUMP_SHARE = 0.25

# The same where no plan is known; a third of a frame on a screen with 60 Hz.
LUMP_MS = 5.0

# Below this many letters per lump a second one is an accident, not the stream's habit.
ONE_BY_ONE = 1.05

# A longest gap is worth telling when it is this many times the usual one.
LONG_PAUSE = 2.0

# The cadence is said to differ from the plan beyond this share.
OFF_PLAN = 0.1


@dataclass(frozen=True)
class Rhythm:
    """How letters came: `letters` in one lump on average, and the median pause between two lumps of one stream."""

    letters: float
    pause_ms: float


def rhythm(chunks: Received, interval_ms: float | None) -> Rhythm | None:
    """Return the rhythm of `chunks`, or None if each stream came in one lump. `interval_ms`: the planned one, if known."""
    gaps_ms = chunks.gaps_ms
    apart_ms = LUMP_MS if interval_ms is None else LUMP_SHARE * interval_ms
    pause_ms = quantile(gaps_ms[gaps_ms > apart_ms], 0.5)
    if pause_ms is None:
        return None
    lumps = chunks.starts.size + int((gaps_ms > apart_ms).sum())
    return Rhythm(chunks.arrival_ns.size / lumps, pause_ms)


def tell(chunks: Received, metrics: Metrics) -> str:
    """Return the sentence for a cell with these `chunks` and these figures of them, and another if letters went astray."""
    if not metrics.chunks:
        return f"No letter arrived in {words.count(metrics.streams or 0, 'stream')}."
    return f"{_told(chunks, metrics)}{_astray(metrics)}"


def _told(chunks: Received, metrics: Metrics) -> str:
    first = f"The first letter came after {words.ms(metrics.ttfc_ms_p50)}"
    if metrics.chunks == chunks.starts.size:
        return f"{first}; it was the only one."
    interval_ms = planned_interval_ms(chunks.table)
    found = rhythm(chunks, interval_ms)
    if found is None:
        return f"{first}, and all the others of its stream came with it."
    company = "one by one" if found.letters < ONE_BY_ONE else f"in lumps of {words.digits(found.letters)} on average"
    return f"{first}; then letters came {company}, {_cadence(found, interval_ms, metrics.gap_ms_max or 0.0)}."


def _cadence(found: Rhythm, interval_ms: float | None, longest_ms: float) -> str:
    text = f"every {words.ms(found.pause_ms)}"
    if interval_ms is not None and abs(found.pause_ms - interval_ms) > OFF_PLAN * interval_ms:
        text += f" (planned: every {words.ms(interval_ms)})"
    return text + (f", the longest pause {words.ms(longest_ms)}" if longest_ms > LONG_PAUSE * found.pause_ms else "")


def _astray(metrics: Metrics) -> str:
    """What was lost or came twice, and what coming back did; empty where a stream simply came."""
    lost, doubled = metrics.chunks_lost, metrics.chunks_doubled
    planned = (metrics.chunks or 0) + (lost or 0) - (doubled or 0)
    facts = [f"{lost} of {words.count(planned, 'letter')} never came"] if lost else []
    facts += [f"{words.count(doubled, 'letter')} came twice"] if doubled else []
    if not metrics.reconnects:
        return f" {' and '.join(facts)}." if facts else ""
    streams, times = words.count(metrics.streams or 0, "stream"), words.count(metrics.reconnects, "time")
    back = f" In {streams} the reader came back {times}"
    if lost is None or doubled is None:
        return f"{back}; what that lost or doubled is not known."
    return f"{back}: {' and '.join(facts) or 'no letter was lost, and none came twice'}."
