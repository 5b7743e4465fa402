"""Whether a machine bears a load: the lab's own lags under it against what a planned interval allows.

The rule: the allowance is that of `lab.analysis.validity`, or a stated part of it where room must be left for a bad day;
what was not measured objects to nothing.
"""

from collections.abc import Iterable, Mapping

from lab.analysis.validity import LAG_SHARE
from lab.analysis.words import ms, percentile

MARGIN = 0.5
"""Cells side by side must stay below half of what would make them invalid: they meet again and again during a run."""

Lags = Mapping[str, float | None]

_WHO = {
    "emit_lag_ms": "the server produced its chunks",
    "read_lag_ms": "the client read",
    "path_error_ms": "the emulator forwarded packets",
}


def worst(lags: Iterable[Lags]) -> dict[str, float | None]:
    """Of several repetitions, the largest of each lag; None where none was measured."""
    taken = list(lags)
    known = {name: [lag for each in taken if (lag := each.get(name)) is not None] for name in _WHO}
    return {name: max(values) if values else None for name, values in known.items()}


def too_late(lags: Lags, interval_ms: float, q: float, part: float = 1.0) -> str | None:
    """The gravest objection in words, or None. `lags` in ms at the quantile `q`; `part` of the allowance may be used up."""
    allowed_ms = part * LAG_SHARE * interval_ms
    name = max(_WHO, key=lambda name: lags.get(name) or 0.0)
    lag_ms = lags.get(name)
    if lag_ms is None or lag_ms <= allowed_ms:
        return None
    return f"{_WHO[name]} {ms(lag_ms)} late at {percentile(q)}, and {ms(allowed_ms)} is allowed"
