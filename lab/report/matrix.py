"""The matrix as a table: a line per cell, the axes, every metric with its meaning, and numbers that sort as numbers.

The rule: each field carries the text for people and the value for sorting, so that `1.2 s` sorts after `900 ms` and what
was not measured always comes last.
"""

from dataclasses import dataclass

from lab.analysis import words
from lab.analysis.metrics import METRIC_DOCS
from lab.analysis.summary import VALID_DOC, Row, Summary

# What a first look needs; the others are one switch away.
_FIRST_LOOK = (
    "ttfc_ms_p50",
    "gap_ms_p50",
    "gap_ms_p99",
    "lateness_ms_p50",
    "lateness_ms_p99",
    "chunks_per_read",
    "stall_ratio_100",
    "fluidity_index",
    "startup_buffer_ms",
)
# At the first look only where there is something to see.
_IF_ANY = ("chunks_lost", "chunks_doubled")


@dataclass(frozen=True)
class Column:
    """`more`: hidden at the first look. `numeric`: right-aligned."""

    name: str
    doc: str
    more: bool
    numeric: bool


@dataclass(frozen=True)
class Field:
    """`sort`: what the field sorts by; empty sorts last."""

    text: str
    sort: str


@dataclass(frozen=True)
class Line:
    """`state`: "valid", "invalid" or "not run"."""

    cell: str
    state: str
    fields: list[Field]


@dataclass(frozen=True)
class Matrix:
    """The table below a first column that names the cell."""

    columns: list[Column]
    lines: list[Line]


def matrix(summary: Summary) -> Matrix:
    """Lay the summary of the cells out as a table for people."""
    axes = [Column(key, f"axis {key}", more=False, numeric=False) for key in summary.axis_keys]
    first_look = (*_FIRST_LOOK, *(name for name in _IF_ANY if any(row.value(name) for row in summary.cells)))
    metrics = [Column(name, doc, name not in first_look, numeric=True) for name, doc in METRIC_DOCS.items()]
    valid = Column("valid", VALID_DOC, more=False, numeric=False)
    return Matrix([*axes, *metrics, valid], [_line(row, summary.axis_keys) for row in summary.cells])


def _line(row: Row, axis_keys: tuple[str, ...]) -> Line:
    axes = [words.axis(row.axes.get(key)) for key in axis_keys]
    metrics = [_metric(row, name) for name in METRIC_DOCS]
    state = _state(row.valid)
    return Line(row.cell, state, [*(Field(text, text) for text in axes), *metrics, Field(state, state)])


def _metric(row: Row, name: str) -> Field:
    value = row.value(name)
    return Field(words.metric(name, value), "" if value is None else repr(value))


def _state(valid: bool | None) -> str:
    return {None: "not run", True: "valid", False: "invalid"}[valid]
