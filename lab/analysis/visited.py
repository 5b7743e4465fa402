"""The figures of a probed response, of several together, and what a change in the request did to them. Pure.

The rule: gaps of several responses are pooled, other times are medians, the ending is the worst one, and what was not
measured is None. A change matters only where it is far beyond what the same request does twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median_low

import numpy as np

from lab.analysis import words
from lab.analysis.arrays import NS_PER_MS, quantile
from lab.analysis.arrivals import Arrivals
from lab.analysis.signature import Signature, combine, read_signature
from lab.trace.records import Completion, StreamSeen

# From the best ending to the worst.
_ENDINGS: tuple[Completion, ...] = ("done", "closed", "stopped", "timeout", "truncated", "reset", "error")

# A change matters when a time doubles or halves, and by more than a person's notice; chunks per read likewise.
_FACTOR = 2.0
_NOTICE_MS = 40.0
_NOTICE_CHUNKS = 1.0


@dataclass(frozen=True)
class Figures:
    """One response, or several as one. Times in ms, None where not measured; `gaps_ms` between neighbouring chunks."""

    status: int | None
    connect_ms: float | None
    secure_ms: float | None
    ttfb_ms: float | None
    ttfc_ms: float | None
    gaps_ms: tuple[float, ...]
    chunks: int
    reads: int
    reads_with_chunks: int
    completion: Completion
    signature: Signature

    @property
    def chunks_per_read(self) -> float | None:
        """Chunks received / reads that completed any."""
        return self.chunks / self.reads_with_chunks if self.reads_with_chunks else None

    def gap_ms(self, q: float) -> float | None:
        """A quantile of the gaps."""
        return quantile(np.array(self.gaps_ms), q)


def figures(seen: StreamSeen, arrivals: Arrivals, secured_ns: int | None) -> Figures:
    """Return the figures of one response that has ended."""
    arrival_ns = [chunk.arrival_ns for chunk in seen.chunks]
    return Figures(
        status=seen.status,
        connect_ms=_span_ms(seen.connect_ns, seen.connected_ns),
        secure_ms=_span_ms(seen.connected_ns, secured_ns),
        ttfb_ms=_span_ms(seen.request_ns, seen.first_byte_ns),
        ttfc_ms=_span_ms(seen.request_ns, arrival_ns[0] if arrival_ns else None),
        gaps_ms=tuple((np.diff(np.array(arrival_ns, dtype=np.int64)) / NS_PER_MS).tolist()),
        chunks=len(seen.chunks),
        reads=len(seen.reads),
        reads_with_chunks=len({chunk.read_index for chunk in seen.chunks}),
        completion=seen.completion or "stopped",
        signature=read_signature(arrivals),
    )


def pooled(each: Sequence[Figures]) -> Figures:
    """Return several responses to one request as one."""
    if len(each) == 1:
        return each[0]
    return replace(
        max(each, key=lambda one: _ENDINGS.index(one.completion)),
        connect_ms=_median([one.connect_ms for one in each]),
        secure_ms=_median([one.secure_ms for one in each]),
        ttfb_ms=_median([one.ttfb_ms for one in each]),
        ttfc_ms=_median([one.ttfc_ms for one in each]),
        gaps_ms=tuple(gap for one in each for gap in one.gaps_ms),
        chunks=sum(one.chunks for one in each),
        reads=sum(one.reads for one in each),
        reads_with_chunks=sum(one.reads_with_chunks for one in each),
        signature=combine([one.signature for one in each]),
    )


def differences(base: Figures, changed: Figures) -> list[str]:
    """Return what a change did, one phrase each; empty where it does not matter."""
    found = []
    if base.status != changed.status:
        found.append(f"status {_said(base.status)} → {_said(changed.status)}")
    if base.completion != changed.completion:
        found.append(f"ending {base.completion} → {changed.completion}")
    verdicts = base.signature.verdict, changed.signature.verdict
    if verdicts[0] != verdicts[1] and "undecided" not in verdicts:
        found.append(f"verdict {verdicts[0]} → {verdicts[1]}")
    for name, before, after in (
        ("first chunk", base.ttfc_ms, changed.ttfc_ms),
        ("gap p95", base.gap_ms(0.95), changed.gap_ms(0.95)),
    ):
        if _far_apart(before, after, _NOTICE_MS):
            found.append(f"{name} {words.ms(before)} → {words.ms(after)}")
    per_read = base.chunks_per_read, changed.chunks_per_read
    if _far_apart(*per_read, _NOTICE_CHUNKS):
        found.append("chunks per read {} → {}".format(*(words.digits(value or 0.0) for value in per_read)))
    return found


def _far_apart(before: float | None, after: float | None, notice: float) -> bool:
    if before is None or after is None:
        return False
    low, high = sorted((before, after))
    return high - low > notice and high > _FACTOR * low


def _said(status: int | None) -> str:
    return "none" if status is None else str(status)


def _span_ms(earlier_ns: int | None, later_ns: int | None) -> float | None:
    return None if earlier_ns is None or later_ns is None else (later_ns - earlier_ns) / NS_PER_MS


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median_low(known) if known else None
