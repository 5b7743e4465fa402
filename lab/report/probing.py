"""A probe's result for people and for programs: lines for a terminal, or one JSON document of a fixed shape.

The rule: both say the same, what was not measured is a dash or null, and nothing a stranger sent is shown as it came.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lab.analysis import words
from lab.analysis.harmless import harmless
from lab.analysis.headers import HeaderAdvice
from lab.analysis.visited import Figures

_GAPS = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
_INDENT = 20


@dataclass(frozen=True)
class Toggled:
    """One thing changed, what was measured then, and what it did; no differences: it does not matter."""

    change: str
    figures: Figures
    differences: list[str]
    problem: str | None


@dataclass(frozen=True)
class Result:
    """Everything that is told of a probe. `figures` are those of all `repetitions` together."""

    method: str
    url: str
    figures: Figures
    repetitions: Sequence[Figures]
    headers: Sequence[HeaderAdvice]
    ending: str
    kind: str
    toggled: Sequence[Toggled] = ()
    secret: str | None = None


def document(result: Result) -> dict[str, Any]:
    """The JSON document. `repetitions` and `toggles` stand in it only where they were asked for."""
    shown = {"url": harmless(result.url, result.secret), **_figures(result.figures)}
    headers = [
        {"name": row.name, "value": row.value and harmless(row.value, result.secret), "advice": row.advice}
        for row in result.headers
    ]
    place = list(shown).index("verdict")
    rows = [*list(shown.items())[:place], ("headers", headers), *list(shown.items())[place:]]
    whole: dict[str, Any] = dict(rows)
    if len(result.repetitions) > 1:
        whole["repetitions"] = [_figures(each) for each in result.repetitions]
    if result.toggled:
        whole["toggles"] = [
            {"change": each.change, "matters": bool(each.differences), "differences": each.differences}
            | _figures(each.figures)
            for each in result.toggled
        ]
    return whole


def _figures(each: Figures) -> dict[str, Any]:
    return {
        "status": each.status,
        "connect_ms": _rounded(each.connect_ms),
        "ttfb_ms": _rounded(each.ttfb_ms),
        "ttfc_ms": _rounded(each.ttfc_ms),
        "gap_ms": {name: _rounded(each.gap_ms(q)) for name, q in _GAPS.items()},
        "chunks": each.chunks,
        "reads": each.reads,
        "chunks_per_read": _rounded(each.chunks_per_read),
        "completion": each.completion,
        "verdict": each.signature.verdict,
        "evidence": each.signature.evidence,
    }


def _rounded(value: float | None) -> float | None:
    """To the microsecond, which is finer than any of it is known."""
    return None if value is None else round(value, 3)


def lines(result: Result) -> Iterator[str]:
    """For a terminal."""
    figures = result.figures
    yield harmless(f"{result.method} {result.url}", result.secret)
    yield _row("status", f"{words.UNMEASURED if figures.status is None else figures.status}, {result.kind}")
    yield _row(
        "times",
        f"connect {words.ms(figures.connect_ms)} · TLS {words.ms(figures.secure_ms)} · "
        f"first byte {words.ms(figures.ttfb_ms)} · first chunk {words.ms(figures.ttfc_ms)}",
    )
    yield _row("gaps", " · ".join(f"{name} {words.ms(figures.gap_ms(q))}" for name, q in _GAPS.items()))
    per_read = figures.chunks_per_read
    each_read = f", {words.digits(per_read)} in each that completed any" if per_read is not None else ""
    yield _row("chunks", f"{figures.chunks} in {words.count(figures.reads, 'read')}{each_read}")
    yield _row("end", f"{figures.completion}: {result.ending}")
    for row in result.headers:
        value = words.UNMEASURED if row.value is None else harmless(row.value, result.secret)
        yield _row(row.name, value + (f"  ({row.advice})" if row.advice else ""))
    yield _row("verdict", f"{figures.signature.verdict}: {figures.signature.evidence}")
    for each in result.toggled:
        yield from _toggled(each, result.secret)


def _toggled(each: Toggled, secret: str | None) -> Iterator[str]:
    effect = "; ".join(each.differences) or "makes no difference"
    yield harmless(f"{'MATTERS' if each.differences else 'same':<{_INDENT}}{each.change}: {effect}", secret)
    if each.problem is not None:
        yield harmless(_row("", each.problem), secret)


def _row(name: str, text: str) -> str:
    return f"{name:<{_INDENT}}{text}"
