"""Patterns that show in the rhythm of lumps: delayed-ack, source-bursts, timer, and the absence of any: smooth.

Each function returns the sentence that is its evidence, or None. A lump's spacing, its number of letters and the frames in
which they were written are three witnesses; where they disagree, nothing is concluded.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np

from lab.analysis import words
from lab.analysis.arrays import Bools, Floats
from lab.analysis.arrivals import PIECES_MS, EndsIn, Lump, lumps_of, spacings_ms
from lab.analysis.patterns import Pattern

# Below it a pattern is chance.
MIN_LETTERS = 6
MIN_LUMPS = 5

# Letters per lump: from the first figure on they come in lumps, up to the second one by one.
IN_LUMPS = 1.8
ONE_BY_ONE = 1.3
ALIGNED_SHARE = 0.9

# net/ipv4: TCP_DELACK_MIN is 40 ms, TCP_DELACK_MAX and most other systems' timer 200 ms; a few ms of scheduling come on top,
# and the round trip if the ACK is the reader's own and not that of a proxy beside the server.
DELAYED_ACKS_MS = ((40.0, 2.0, 8.0), (200.0, 5.0, 25.0))
DELAYED_ACK_GAPS = 10
DELAYED_ACK_COUNT = 4
DELAYED_ACK_SHARE = 0.2
# Held gaps stand apart from the others: almost nothing lies between, a short one follows (every second segment is
# acknowledged at once: RFC 9293 section 3.8.6.3), and they held at least half as much again.
DELAYED_ACK_FREE = 0.75
DELAYED_ACK_STRAY = 0.1
DELAYED_ACK_TURNS = 0.8
DELAYED_ACK_HELD = 1.5

# So many lumps of one number of letters are a habit.
SAME_NUMBER = 0.85
# A timer that starts with the first byte waits up to the source's next letter longer: 1.6 of its mean intervals.
TIMER_WAIT = 1.6
TIMER_SHARE = 0.9
TIMER_WINDOW = 0.7
# Faster than this comes whatever the line's own speed makes periodic.
TIMER_MS = 5.0
# A metronome's spread over its mean; a source that computes is never so even.
METRONOME = 0.03
FRAMES_SHARE = 0.8

# A period within a quarter of the round trip may be the round trip.
ROUND_TRIP_MS = 5.0
ROUND_TRIP_SHARE = 0.25

# Tokens are a word or less; six in one event were put there together.
WORDS_INSIDE = 6

# One by one, and the slowest twentieth neither five times the usual gap nor 100 ms above it.
SMOOTH_GAPS = 5.0
SMOOTH_EXTRA_MS = 100.0
SMOOTH_LETTERS = 8


def delayed_ack(pattern: Pattern) -> str | None:
    """Short gaps, and among them many of the length of a delayed ACK, which end with the letters that were held.

    Told by the finest lumps there are: what is acknowledged at once may be followed by the next write in no time.
    """
    lumps = [lump for lump in lumps_of(pattern.seen, PIECES_MS) if lump.letters]
    gaps_ms = spacings_ms(lumps)
    if gaps_ms.size < DELAYED_ACK_GAPS:
        return None
    counts = np.array([lump.letters for lump in lumps[1:]])
    for timer_ms, below_ms, above_ms in DELAYED_ACKS_MS:
        for way_ms in (0.0, pattern.rtt_ms):
            low_ms, high_ms = timer_ms + way_ms - below_ms, timer_ms + way_ms + above_ms
            held = (gaps_ms >= low_ms) & (gaps_ms <= high_ms)
            short = gaps_ms < DELAYED_ACK_FREE * low_ms
            if _stand_apart(held, short) and counts[held].mean() >= DELAYED_ACK_HELD * counts[short].mean():
                return _held_by_acks(gaps_ms, held, short, timer_ms)
    return None


def _held_by_acks(gaps_ms: Floats, held: Bools, short: Bools, timer_ms: float) -> str:
    long, others = (words.ms(float(np.median(gaps_ms[which]))) for which in (held, short))
    return (
        f"{int(held.sum())} of {gaps_ms.size} gaps last {long}, the others {others}, and the long ones end with several "
        f"chunks at once: so does Nagle's algorithm when it waits for an ACK that is delayed by {words.ms(timer_ms)}"
    )


def _stand_apart(held: Bools, short: Bools) -> bool:
    many = held.sum() >= DELAYED_ACK_COUNT and held.mean() >= DELAYED_ACK_SHARE
    turns = (held[:-1] & short[1:]).sum() >= DELAYED_ACK_TURNS * held[:-1].sum()
    return bool(many and turns and short.mean() >= DELAYED_ACK_SHARE and (~held & ~short).mean() <= DELAYED_ACK_STRAY)


def bursts_inside_events(pattern: Pattern) -> str | None:
    """Several words in each event of a typed answer: nothing between source and reader joins events."""
    letters = pattern.seen.letters
    if not pattern.seen.typed or len(letters) < MIN_LETTERS:
        return None
    median = float(np.median([letter.words for letter in letters]))
    if median < WORDS_INSIDE or len(letters) > ONE_BY_ONE * len(pattern.with_letters):
        return None
    return (
        f"each event carries about {words.digits(median)} words: the lumps are inside the events, where only the source "
        "can have put them"
    )


def source_bursts(pattern: Pattern) -> str | None:
    """The same number of whole events in every lump, and no timer that explains it as well."""
    lumps = _whole_lumps(pattern)
    number = _constant_number(lumps)
    if number is None or is_round_trip(pattern):
        return None
    if _period_ms(lumps) is not None and not _written_apart(lumps):
        return None
    return (
        f"{len(lumps)} lumps, almost all of {number} whole events, about every "
        f"{words.ms(float(np.median(_inner_spacings_ms(lumps))))}: the source says so many at once"
    )


def timer(pattern: Pattern) -> str | None:
    """Lumps of whole events at a constant period, whatever number of letters it holds."""
    lumps = _whole_lumps(pattern)
    period_ms = _period_ms(lumps)
    if period_ms is None or is_round_trip(pattern):
        return None
    if _constant_number(lumps) is not None and not (_written_together(lumps) and _is_metronome(lumps)):
        return None
    counts = sorted({lump.letters for lump in lumps[1:-1]})
    number = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    spacing = words.ms(float(np.median(_inner_spacings_ms(lumps))))
    return f"{len(lumps)} lumps of {number} whole events came every {spacing}, as evenly as a timer lets them go"


def smooth(pattern: Pattern) -> str | None:
    """Letters one by one, without long pauses."""
    lumps, letters = pattern.with_letters, len(pattern.seen.letters)
    if letters < SMOOTH_LETTERS or letters > ONE_BY_ONE * len(lumps):
        return None
    gaps_ms = pattern.gaps_ms()
    usual_ms, long_ms = (float(gap) for gap in np.quantile(gaps_ms, (0.5, 0.95)))
    if long_ms > max(SMOOTH_GAPS * usual_ms, usual_ms + SMOOTH_EXTRA_MS):
        return None
    return f"{letters} chunks came one by one, every {words.ms(usual_ms)} (p95 {words.ms(long_ms)})"


def is_round_trip(pattern: Pattern) -> bool:
    """Whether the lumps come once for each round trip, which Nagle and a small window do without any timer."""
    spacings = spacings_ms(pattern.with_letters)
    if not spacings.size or pattern.rtt_ms < ROUND_TRIP_MS:
        return False
    return abs(float(np.median(spacings)) - pattern.rtt_ms) <= ROUND_TRIP_SHARE * pattern.rtt_ms


def _whole_lumps(pattern: Pattern) -> list[Lump]:
    """The lumps with letters, if there are several letters in each and they end where events end; else none."""
    lumps = pattern.with_letters
    aligned = sum(lump.ends_in is EndsIn.EVENT for lump in lumps)
    lumpy = len(pattern.seen.letters) >= IN_LUMPS * len(lumps)
    return lumps if len(lumps) >= MIN_LUMPS and lumpy and aligned >= ALIGNED_SHARE * len(lumps) else []


def _inner_spacings_ms(lumps: list[Lump]) -> Floats:
    """All but the last, which the end of the response may have cut short."""
    return spacings_ms(lumps[:-1])


def _constant_number(lumps: list[Lump]) -> int | None:
    """The number of letters that almost every lump has; the first and the last may be parts of one."""
    inner = lumps[1:-1]
    if not inner:
        return None
    ((number, times),) = Counter(lump.letters for lump in inner).most_common(1)
    return number if number > 1 and times >= SAME_NUMBER * len(inner) else None


def _period_ms(lumps: list[Lump]) -> float | None:
    """The timer's period, if the spacings have a sharp lower edge and end one source interval above it."""
    if not lumps:
        return None
    spacings = _inner_spacings_ms(lumps)
    period_ms = float(np.quantile(spacings, 0.1))
    interval_ms = float(spacings.sum()) / sum(lump.letters for lump in lumps[1:-1])
    wait_ms = TIMER_WAIT * interval_ms
    slack_ms = 2.0 + 0.1 * period_ms
    inside = (spacings >= period_ms - slack_ms) & (spacings <= period_ms + max(wait_ms, slack_ms))
    sharp = period_ms >= TIMER_MS and wait_ms <= TIMER_WINDOW * period_ms
    return period_ms if sharp and inside.mean() >= TIMER_SHARE else None


def _is_metronome(lumps: list[Lump]) -> bool:
    spacings = _inner_spacings_ms(lumps)
    return float(spacings.std()) <= METRONOME * float(spacings.mean())


def _written_apart(lumps: list[Lump]) -> bool:
    """Whether each letter had a frame of its own, or, without frames, came in reads of their own."""
    return _share(lumps, lambda lump: lump.frames == lump.letters if lump.frames else lump.reads > 1) >= FRAMES_SHARE


def _written_together(lumps: list[Lump]) -> bool:
    """Whether several letters shared a frame."""
    return _share(lumps, lambda lump: 0 < lump.frames < lump.letters) >= FRAMES_SHARE


def _share(lumps: list[Lump], holds: Callable[[Lump], bool]) -> float:
    several = [lump for lump in lumps if lump.letters > 1]
    return sum(map(holds, several)) / len(several) if several else 0.0
