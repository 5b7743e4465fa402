"""The raster: a tick for every write above a tick for every arrival, one row per cell, on one time scale.

The rule: no aggregation. What is grouped in the picture was grouped on the wire; a taller arrival tick is a read that
completed several letters.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lab.charts import style
from lab.charts.views import StreamView

_ROW_IN = 0.42


@style.styled
def raster(streams: Sequence[StreamView]) -> Figure:
    """Draw one row per stream, the first at the top."""
    some, note = style.shown(streams)
    figure = style.new_figure(
        11.0,
        1.5 + _ROW_IN * len(some),
        f"The rhythm of writes and arrivals{note}",
        "One stream per cell. Above: a tick for every write of the server. "
        "Below: a tick for every arrival, longer where several letters came at once.",
    )
    axes = figure.subplots()
    for row, stream in enumerate(some):
        _row(axes, row, stream)
    axes.set_yticks(range(len(some)), [stream.label for stream in some])
    axes.set_ylim(len(some) - 0.45, -0.55)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time since the request (ms)")
    written = [("written", style.WRITTEN)] if any(stream.writes_ms().size for stream in some) else []
    style.key(figure, [*written, ("arrived", style.ARRIVED)])
    return figure


def _row(axes: Any, row: int, stream: StreamView) -> None:
    """Ticks of one stream around the height `row`; the axis points down, so what is above is smaller."""
    axes.axhline(row + 0.5, color=style.PALE, linewidth=0.6)
    writes_ms = stream.writes_ms()
    many = writes_ms.size > style.MANY_MARKS
    axes.vlines(writes_ms, row - 0.34, row - 0.06, color=style.WRITTEN, linewidth=0.9, rasterized=many)
    times_ms, letters = np.unique(stream.arrivals_ms(), return_counts=True)
    heights = np.minimum(0.16 + 0.06 * np.log2(letters), 0.42)
    many = times_ms.size > style.MANY_MARKS
    axes.vlines(times_ms, row + 0.02, row + 0.02 + heights, color=style.ARRIVED, linewidth=1.1, rasterized=many)
