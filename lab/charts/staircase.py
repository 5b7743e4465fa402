"""The cumulative staircase: the text that was due, written and arrived, against time, one panel per cell.

The rule: one stream per panel, all panels on the same scales, so that the eye can compare cells. The width between the two
stairs at any height is how late that letter was.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from lab.analysis.arrays import Floats, Ints
from lab.charts import style
from lab.charts.views import StreamView

_STAIRS = (
    ("due_ns", "due", style.DUE, {"linestyle": (0, (2, 1.5)), "linewidth": 1.2, "zorder": 3}),
    ("accepted_ns", "written", style.WRITTEN, {"linewidth": 1.5}),
    ("arrival_ns", "arrived", style.ARRIVED, {"linewidth": 1.5}),
)


@style.styled
def staircase(streams: Sequence[StreamView]) -> Figure:
    """Draw one panel per stream; stairs of instants that are unknown are left out."""
    some, note = style.shown(streams)
    rows, columns, width_in, height_in = style.grid(len(some))
    figure = style.new_figure(
        width_in,
        height_in,
        f"When the text was due, written and read{note}",
        "One stream per cell. Every step is text: the further right a step lies, the later; "
        "the higher it is, the more letters came at once.",
    )
    axes = style.panels(figure, len(some), rows, columns)
    for panel, stream in zip(axes, some, strict=True):
        _panel(panel, stream)
    axes[0].set_xlim(left=0)  # after all of them: setting one side of a shared scale freezes the other
    axes[0].set_ylim(bottom=0)
    drawn = {line.get_label() for panel in axes for line in panel.lines}
    style.key(figure, [(name, colour) for _, name, colour, _ in _STAIRS if name in drawn])
    figure.supxlabel("time since the request (ms)", fontsize=9.5, color="#333333")
    figure.supylabel("text so far (characters)", fontsize=9.5, color="#333333")
    return figure


def _panel(panel: Any, stream: StreamView) -> None:
    style.heading(panel, stream.label)
    for column, name, colour, line in _STAIRS:
        times_ms, characters = stream.staircase(column)
        if times_ms.size:
            many = times_ms.size > style.MANY_MARKS
            stairs = _from_zero(times_ms, characters)
            panel.step(*stairs, where="post", color=colour, label=name, rasterized=many, **line)


def _from_zero(times_ms: Floats, characters: Ints) -> tuple[list[float], list[int]]:
    """The stairs with the ground in front of the first step."""
    return [times_ms[0], *times_ms.tolist()], [0, *characters.tolist()]
