"""Who held the letters, concluded from the pattern of their arrival alone: the verdict of `lab probe`.

The rule: a cause is named only where its pattern is plain and no other makes the same one; else the verdict is `undecided`
and the evidence says what was seen. Pure: an `Arrivals` goes in, a word and its reason come out. `patterns.py` and
`rhythms.py` hold the patterns, in the order in which they are tried here.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

from lab.analysis import patterns, rhythms, words
from lab.analysis.arrays import quantile
from lab.analysis.arrivals import Arrivals, lumps_of, spacings_ms
from lab.analysis.patterns import Pattern

Verdict = Literal[
    "smooth",
    "whole-body",
    "byte-lumps",
    "timer",
    "one-late",
    "delayed-ack",
    "source-bursts",
    "unterminated",
    "stalled",
    "undecided",
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Signature(NamedTuple):
    """A verdict and the sentence that says why."""

    verdict: Verdict
    evidence: str


# Special patterns come before those that they could be taken for: a stream whose blank lines are late also ends every read
# inside an event, as a byte buffer does; a buffer that fills at a steady pace also has a period.
_CHECKS: tuple[tuple[Verdict, Callable[[Pattern], str | None]], ...] = (
    ("unterminated", patterns.unterminated),
    ("stalled", patterns.stalled),
    ("whole-body", patterns.whole_body),
    ("one-late", patterns.one_late),
    ("byte-lumps", patterns.byte_lumps),
    ("delayed-ack", rhythms.delayed_ack),
    ("source-bursts", rhythms.bursts_inside_events),
    ("source-bursts", rhythms.source_bursts),
    ("timer", rhythms.timer),
    ("smooth", rhythms.smooth),
)


def read_signature(seen: Arrivals) -> Signature:
    """Return the verdict on one response."""
    pattern = Pattern(seen, lumps_of(seen))
    for verdict, check in _CHECKS:
        evidence = check(pattern)
        if evidence is not None:
            return Signature(verdict, evidence)
    return Signature("undecided", _what_was_seen(pattern))


def combine(signatures: Sequence[Signature]) -> Signature:
    """Return one verdict on several responses: what more than half of them say and no other contradicts by name."""
    if len(signatures) == 1:
        return signatures[0]
    counts = Counter(each.verdict for each in signatures)
    said = ", ".join(f"{count} × {verdict}" for verdict, count in counts.most_common())
    decided = [verdict for verdict in counts if verdict != "undecided"]
    if len(decided) == 1 and 2 * counts[decided[0]] > len(signatures):
        first = next(each for each in signatures if each.verdict == decided[0])
        return first._replace(evidence=f"{said}. {first.evidence}")
    return Signature("undecided", f"the responses differ: {said}")


def _what_was_seen(pattern: Pattern) -> str:
    letters = len(pattern.seen.letters)
    if letters < rhythms.MIN_LETTERS:
        return f"{words.count(letters, 'chunk')} came: too few to tell a pattern from chance"
    if len(pattern.lumps) == 1:
        span_ms = (pattern.lumps[0].end_ns - pattern.seen.request_ns) / 1e6
        return f"all {letters} chunks came together, {words.ms(span_ms)} after the request: too soon to say that any waited"
    spacing = words.ms(quantile(spacings_ms(pattern.lumps), 0.5))
    mean = words.digits(letters / len(pattern.lumps))
    if rhythms.is_round_trip(pattern):
        return (
            f"lumps of {mean} chunks came about every {spacing}, which is the round trip ({words.ms(pattern.rtt_ms)}): "
            "so do Nagle's algorithm and a small congestion window, and a timer may do it too"
        )
    return (
        f"lumps of {mean} chunks on average came about every {spacing}, with no size, number or period that only one cause "
        "would give them: network, server and source can all do that"
    )
