"""The heat map: one metric over two axes of the matrix, the value written into every field.

The rule: the colour only helps to find the field, the number says it. A field without a number says why: skipped, invalid
or not measured.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from lab.analysis import words
from lab.analysis.arrays import Floats
from lab.analysis.metrics import METRIC_DOCS
from lab.analysis.summary import Row, Summary
from lab.charts import style

# Colours are spread over the logarithm when the largest value is this many times the smallest.
_WIDE = 20.0

# Beyond so many columns a panel needs the whole width for its numbers.
_NARROW = 6

# From white-ish to dark: a dark field is a large value in print and on screen alike.
_COLOURS = "YlGnBu"


@dataclass(frozen=True)
class Field:
    """The rows of a summary on a grid: `labels` of lines and columns, and the row in each place (None: no such cell)."""

    lines: list[str]
    columns: list[str]
    rows: list[list[Row | None]]


def fields(summary: Summary, column_axis: str) -> Field:
    """Lay the cells out: `column_axis` across, every combination of the other axes down."""
    others = [key for key in summary.axis_keys if key != column_axis]
    places = {
        (_line(row, others), words.axis_label(row.axes.get(column_axis)) or words.UNMEASURED): row
        for row in summary.cells
    }
    lines = list(dict.fromkeys(line for line, _ in places))
    columns = list(dict.fromkeys(column for _, column in places))
    return Field(lines, columns, [[places.get((line, column)) for column in columns] for line in lines])


def _line(row: Row, others: Sequence[str]) -> str:
    return words.axes({key: row.axes[key] for key in others if key in row.axes}) or row.cell


def widest_axis(summary: Summary) -> str | None:
    """Return the axis with the most values: it goes across. None if the run has no axes."""
    sizes = {key: len({words.axis(row.axes.get(key)) for row in summary.cells}) for key in summary.axis_keys}
    return max(sizes, key=lambda key: sizes[key], default=None)


@style.styled
def heat_map(summary: Summary, metrics: Sequence[str], column_axis: str) -> Figure:
    """Draw one panel per metric, with `column_axis` across and all other axes down."""
    field = fields(summary, column_axis)
    columns = min(len(metrics), 2 if len(field.columns) <= _NARROW else 1)
    rows = math.ceil(len(metrics) / columns)
    height_in = 1.0 + rows * (0.75 + 0.34 * len(field.lines))
    figure = style.new_figure(
        11.0,
        height_in,
        "The matrix at a glance",
        f"One field per cell, {column_axis} across. Darker is larger; the number in the field is the value.",
    )
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, metric in zip(grid.ravel(), metrics, strict=False):
        _panel(axes, field, metric)
    for axes in grid.ravel()[len(metrics) :]:
        axes.remove()
    return figure


def _panel(axes: Any, field: Field, metric: str) -> None:
    values = np.array([[_number(row, metric) for row in line] for line in field.rows], dtype=np.float64)
    norm = scale(values)
    image = axes.imshow(np.ma.masked_invalid(values), cmap=_COLOURS, norm=norm, aspect="auto")
    axes.set_facecolor("#F4F4F4")
    axes.grid(visible=False, which="major")
    axes.set_axisbelow(False)
    axes.set_title(f"{metric}: {METRIC_DOCS[metric]}", fontsize=8.5)
    axes.set_xticks(range(len(field.columns)), field.columns)
    axes.set_yticks(range(len(field.lines)), field.lines)
    axes.set_xticks(np.arange(1, len(field.columns)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(field.lines)) - 0.5, minor=True)
    axes.grid(visible=True, which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    for y, line in enumerate(field.rows):
        for x, row in enumerate(line):
            dark = not math.isnan(values[y, x]) and image.norm(values[y, x]) > 0.55
            axes.text(
                x, y, _text(row, metric), ha="center", va="center", fontsize=8.5, color="white" if dark else "#222222"
            )


def scale(values: Floats) -> Normalize:
    """Return the colours' scale: logarithmic where the values differ by more than a factor of 20."""
    known = values[~np.isnan(values)]
    if not known.size:
        return Normalize(0, 1)
    low, high = float(known.min()), float(known.max())
    if low > 0 and high / low > _WIDE:
        return LogNorm(low, high)
    return Normalize(min(low, 0.0), high if high > 0 else 1.0)


def _number(row: Row | None, metric: str) -> float:
    value = None if row is None else row.value(metric)
    return float("nan") if value is None or isinstance(value, str) else float(value)


def _text(row: Row | None, metric: str) -> str:
    if row is None:
        return ""
    if row.valid is None:
        return "not run"
    return words.metric(metric, row.value(metric)) if row.valid else "invalid"
