"""The distribution of gaps: which share of the letters came within which time of the one before, one panel per cell.

The rule: zeros are kept. Letters that came in one read with their predecessor have no place on a logarithmic scale, so
their share is where the curve begins at the left edge. Guide lines mark the times that have a meaning.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from lab.analysis import words
from lab.analysis.arrays import Floats
from lab.charts import style
from lab.charts.views import GapView

# Linux's delayed-ACK minimum (TCP_DELACK_MIN, net/ipv4/tcp.h: HZ/25) and its RTO minimum (TCP_RTO_MIN: HZ/5), in ms.
DELAYED_ACK_MS, RTO_MIN_MS = 40.0, 200.0

# Below this two letters were in one read for any reader; it is the left edge of the scale.
LEFT_EDGE_MS = 0.1

# Guide lines closer than this factor share one label; upright letters at their sides would touch.
_CLOSE = 1.6

# A curve is drawn with so many points at most; more are not seen and make the SVG heavy.
_POINTS = 400


@style.styled
def gap_distribution(cells: Sequence[GapView]) -> Figure:
    """Draw one panel per cell, the other cells pale behind it."""
    some, note = style.shown(cells)
    rows, columns, width_in, height_in = style.grid(len(some))
    figure = style.new_figure(
        width_in,
        height_in,
        f"How long after the letter before it each letter came{note}",
        "The height at a time is the share of letters with a gap up to it; where the curve begins at the left edge is the "
        "share that came\ntogether with the letter before. A steep curve is an even rhythm. Pale: the other cells.",
    )
    curves = [cumulative(cell.gaps_ms) for cell in some]
    stairs = [_corners(*curve) for curve in curves]
    many = sum(len(corners) for corners in stairs) > style.MANY_MARKS
    for panel, cell, curve in zip(style.panels(figure, len(some), rows, columns), some, curves, strict=True):
        behind = LineCollection(stairs, colors=style.PALE, linewidths=0.8, zorder=1, rasterized=many)
        panel.add_collection(behind, autolim=False)
        panel.step(*curve, where="post", color=style.ARRIVED, linewidth=2, zorder=3, label=cell.label)
        style.heading(panel, cell.label)
        _guides(panel, guide_lines(cell))
        _scales(panel, max(float(c.gaps_ms.max()) for c in some))
    figure.supxlabel("gap to the letter before (ms, logarithmic)", fontsize=9.5, color="#333333")
    figure.supylabel("share of letters", fontsize=9.5, color="#333333")
    return figure


def cumulative(gaps_ms: Floats) -> tuple[Floats, Floats]:
    """Return (gaps, share of gaps up to each), both of shape (points,), from the scale's left edge on.

    Shorter gaps count at the edge, and the curve goes on beyond the longest gap, so that every panel is crossed.
    """
    ordered = np.sort(np.maximum(gaps_ms, LEFT_EDGE_MS))
    values, counts = np.unique(ordered, return_counts=True)
    shares = np.cumsum(counts) / gaps_ms.size
    if values.size > _POINTS:
        kept = np.unique(np.searchsorted(shares, np.linspace(shares[0], 1, _POINTS)))
        values, shares = values[kept], shares[kept]
    at_edge = float(np.mean(ordered == LEFT_EDGE_MS))
    return np.concatenate(([LEFT_EDGE_MS], values, [values[-1] * 1e3])), np.concatenate(([at_edge], shares, [1.0]))


def _corners(times_ms: Floats, shares: Floats) -> Floats:
    """The stairs as one line of shape (corners, 2): a step goes right first, then up."""
    return np.column_stack((np.repeat(times_ms, 2)[1:], np.repeat(shares, 2)[:-1]))


def guide_lines(cell: GapView) -> list[tuple[float, str]]:
    """Return (ms, label) of the guide lines from left to right; of lines close together only the last has a label."""
    wanted = [(cell.interval_ms, "Δ "), (cell.rtt_ms, "RTT "), (DELAYED_ACK_MS, ""), (RTO_MIN_MS, "")]
    lines: list[tuple[float, str]] = []
    for at_ms, name in sorted((at_ms, name) for at_ms, name in wanted if at_ms is not None):
        label = f"{name}{words.ms(at_ms)}"
        if lines and at_ms <= lines[-1][0] * _CLOSE:
            before_ms, before = lines.pop()
            lines.append((before_ms, ""))
            label = f"{before}, {label}"
        lines.append((at_ms, label))
    return lines


def _guides(panel: Any, lines: Sequence[tuple[float, str]]) -> None:
    """Labels stand upright at the foot of their lines, where curves of gaps are seldom."""
    for at_ms, label in lines:
        panel.axvline(at_ms, color=style.GREY, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=2)
        panel.annotate(
            label, (at_ms, 0.04), xycoords=("data", "axes fraction"), xytext=(1.5, 0), textcoords="offset points",
            ha="left", va="bottom", fontsize=7.5, color=style.GREY, rotation=90, zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.4},
        )  # fmt: skip


def _scales(panel: Any, longest_ms: float) -> None:
    panel.set_xscale("log")
    panel.set_xlim(LEFT_EDGE_MS, max(longest_ms * 2, 1100.0))  # so that 1000 is on the scale
    panel.set_ylim(0, 1.02)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.minorticks_off()
    panel.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
