"""Patterns that show in the places of bytes and in silence: unterminated, stalled, whole-body, one-late, byte-lumps.

Each function returns the sentence that is its evidence, or None where the pattern is not plain. The rule is in
`signature.py`; the thresholds stand here, each with its reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from lab.analysis import words
from lab.analysis.arrays import NS_PER_MS, Floats
from lab.analysis.arrivals import Arrivals, EndsIn, Lump, spacings_ms

# Two lines of data in one event are common, three complete documents in one are not.
UNTERMINATED_LINES = 3

# Ten usual gaps of silence are no jitter; below half a second nobody would call it a stall.
SILENCE_GAPS = 10.0
SILENCE_MS = 500.0
# In mid-stream a pause may be the source's own: a second, and twenty times the usual gap, of which five must be known.
PAUSE_GAPS = 20.0
PAUSE_MS = 1000.0
PAUSE_KNOWN = 5

# A body that came so long after its request (beyond the handshake's round trip), and ten times as long as it took to
# arrive, was kept together; a hiccup of the network does not take 150 ms.
WHOLE_LETTERS = 3
WHOLE_WAIT_MS = 150.0
WHOLE_RATIO = 10.0

# A blank line is at most CR LF CR LF.
BLANK_LINE_BYTES = 4
LATE_READS = 5
LATE_SHARE = 0.8
# Of a stream whose end alone betrays the delay: all gaps but the last are within these multiples of the median.
LATE_LETTERS = 16
LATE_GAPS = (0.35, 2.5)
LATE_LAST_GAPS = (0.5, 1.5)
LATE_TOGETHER = 0.05

# Buffers below this are not built; sizes are the same within 1 % or the 8 bytes that framing may add.
BUFFER_BYTES = 256
BUFFER_SHARE = 0.01
BUFFER_SLACK_BYTES = 8
# Of the lumps' ends so many lie on multiples of the buffer, and so many cut an event, which no flush does.
BUFFER_ON_GRID = 0.85
BUFFER_CUTS = 0.6
# Segments that follow each other at the speed of the line are of one size too.
BUFFER_SPACING_MS = 5.0


@dataclass(frozen=True)
class Pattern:
    """One response and its lumps."""

    seen: Arrivals
    lumps: list[Lump]

    @property
    def with_letters(self) -> list[Lump]:
        """Lumps that completed letters."""
        return [lump for lump in self.lumps if lump.letters]

    @property
    def rtt_ms(self) -> float:
        """Round trip of the handshake; 0 where none was measured."""
        return (self.seen.rtt_ns or 0) / NS_PER_MS

    def gaps_ms(self) -> Floats:
        """Between neighbouring letters; 0 inside one read."""
        at_ns = np.array([self.seen.reads[letter.read].at_ns for letter in self.seen.letters], dtype=np.int64)
        return np.diff(at_ns) / NS_PER_MS


def unterminated(pattern: Pattern) -> str | None:
    """Data lines that no blank line divides: one event at most, though the lines are messages of their own."""
    seen = pattern.seen
    if len(seen.letters) > 1 or seen.data_lines < UNTERMINATED_LINES:
        return None
    line_by_line = sum(lump.ends_in is not EndsIn.MIDDLE for lump in pattern.lumps)
    one_by_one = line_by_line >= UNTERMINATED_LINES and line_by_line >= LATE_SHARE * len(pattern.lumps)
    if seen.whole_lines < UNTERMINATED_LINES and not one_by_one:
        return None
    became = "one event" if seen.letters else "no event at all"
    return (
        f"{words.count(seen.data_lines, 'line')} of data came in {words.count(len(pattern.lumps), 'lump')} with no blank "
        f"line between them, and became {became}: end every event with an empty line"
    )


def stalled(pattern: Pattern) -> str | None:
    """A silence that nothing before it explains: at the end, until the reader gave up, or in mid-stream."""
    seen = pattern.seen
    spacings = spacings_ms(pattern.lumps)
    usual_ms = float(np.median(spacings)) if spacings.size else 0.0
    last_ns = seen.reads[-1].at_ns if seen.reads else seen.request_ns
    silence_ms = (seen.end_ns - last_ns) / NS_PER_MS
    count = words.count(len(seen.letters), "chunk")
    if seen.timed_out and silence_ms >= max(SILENCE_MS, SILENCE_GAPS * usual_ms):
        return f"after {count} nothing came for {words.ms(silence_ms)}, until the probe gave up"
    if spacings.size < PAUSE_KNOWN or spacings.max() < max(PAUSE_MS, PAUSE_GAPS * usual_ms):
        return None
    return f"once nothing came for {words.ms(float(spacings.max()))}, where the usual gap is {words.ms(usual_ms)}"


def whole_body(pattern: Pattern) -> str | None:
    """All letters together at the end of a wait."""
    seen, lumps = pattern.seen, pattern.with_letters
    if len(lumps) != 1 or seen.timed_out or len(seen.letters) < WHOLE_LETTERS:
        return None
    wait_ms = (lumps[0].begin_ns - seen.request_ns) / NS_PER_MS
    span_ms = (lumps[0].end_ns - lumps[0].begin_ns) / NS_PER_MS
    after_ms = (seen.end_ns - lumps[0].end_ns) / NS_PER_MS
    held = wait_ms - pattern.rtt_ms >= max(WHOLE_WAIT_MS, WHOLE_RATIO * span_ms)
    if not held or after_ms > wait_ms:
        return None
    return f"all {len(seen.letters)} chunks came together, {words.ms(wait_ms)} after the request"


def one_late(pattern: Pattern) -> str | None:
    """Every event arrives when the next one is sent."""
    return _late_blank_lines(pattern) or _late_to_the_end(pattern)


def _late_blank_lines(pattern: Pattern) -> str | None:
    """The blank line that completes an event comes first in the read that brings the next one's data."""
    seen = pattern.seen
    first = {letter.read: letter.reach_bytes for letter in reversed(seen.letters)}
    late = sum(
        reach_bytes <= BLANK_LINE_BYTES and seen.reads[read].ends_in is not EndsIn.EVENT
        for read, reach_bytes in first.items()
    )
    if late < max(LATE_READS, LATE_SHARE * len(first)):
        return None
    return (
        f"in {late} of {len(first)} reads the first bytes completed the event before, and its successor's data followed "
        "without a blank line: every event waits for the next"
    )


def _late_to_the_end(pattern: Pattern) -> str | None:
    """Whole events come at even gaps, but the last two together with the end.

    Held by one, chunk N−1 comes when N is sent and N when the stream ends, which is at once. A delay on the way cannot do
    this: to catch up with N, chunk N−1 would have to come a whole interval late itself.
    """
    seen, gaps_ms = pattern.seen, pattern.gaps_ms()
    if len(seen.letters) < LATE_LETTERS or seen.timed_out:
        return None
    usual_ms = float(np.median(gaps_ms))
    after_ms = (seen.end_ns - seen.reads[seen.letters[-1].read].at_ns) / NS_PER_MS
    inner = gaps_ms[:-1] / usual_ms if usual_ms > 0 else np.zeros(1)
    even = inner.min() >= LATE_GAPS[0] and inner.max() <= LATE_GAPS[1]
    on_time = LATE_LAST_GAPS[0] <= inner[-1] <= LATE_LAST_GAPS[1]
    together = gaps_ms[-1] <= LATE_TOGETHER * usual_ms and after_ms <= max(1.0, LATE_TOGETHER * usual_ms)
    if not (even and on_time and together):
        return None
    return (
        f"the last two chunks came together with the end of the stream, though all others came one by one every "
        f"{words.ms(usual_ms)}: every event waits for the next"
    )


def byte_lumps(pattern: Pattern) -> str | None:
    """Lumps of one size in bytes that cut events wherever they end: a buffer that leaves when it is full."""
    lumps = pattern.lumps
    if len(lumps) < 3:
        return None
    sizes = np.array([lump.body_bytes for lump in lumps])
    buffer_bytes = int(np.median(sizes[1:-1]))
    slack_bytes = max(BUFFER_SLACK_BYTES, round(BUFFER_SHARE * buffer_bytes))
    full = lumps[:-1]
    if buffer_bytes < BUFFER_BYTES or len(full) < _lumps_needed(buffer_bytes):
        return None
    on_grid = _share_on_grid(full, buffer_bytes, slack_bytes)
    cut = sum(lump.ends_in is not EndsIn.EVENT for lump in full) / len(full)
    # The end of the response lets go of the rest, which may come with the last full one.
    fits = sizes[0] <= buffer_bytes + slack_bytes and sizes[-1] <= 2 * buffer_bytes + slack_bytes
    at_line_speed = float(np.median(spacings_ms(lumps))) < BUFFER_SPACING_MS
    if on_grid < BUFFER_ON_GRID or cut < BUFFER_CUTS or not fits or at_line_speed:
        return None
    return (
        f"{words.count(len(full), 'lump')} of {buffer_bytes} bytes, of which {round(cut * len(full))} end inside an event: "
        "a buffer of that size leaves whenever it is full"
    )


def _lumps_needed(buffer_bytes: int) -> int:
    """Two are enough where the size is a power of two, as buffers' sizes are; chance makes no such sizes."""
    return 2 if buffer_bytes & (buffer_bytes - 1) == 0 else 3


def _share_on_grid(full: Sequence[Lump], buffer_bytes: int, slack_bytes: int) -> float:
    """Counted from the end of the first: two lumps that came as one end on the grid as well."""
    ends = np.fromiter(accumulate(lump.body_bytes for lump in full), dtype=np.int64)
    off = (ends - ends[0] + slack_bytes) % buffer_bytes
    return float((off <= 2 * slack_bytes).mean())
