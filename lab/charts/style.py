"""How every chart looks: one palette, one set of sizes, one way to make a figure and to lay out its panels.

The rule: charts use the object interface of matplotlib and its settings only inside `styled`, so drawing never changes
anything for whoever else uses matplotlib. Colours are told apart by everybody, and never carry a meaning alone.
"""

import functools
import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea

# Okabe and Ito, "Color Universal Design" (2008): distinct under every common form of colour blindness.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION = "#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"
GREY, PALE = "#6B6B6B", "#CFCFCF"

# The stations of a letter keep their colours through all charts.
DUE, WRITTEN, ARRIVED = GREY, BLUE, VERMILION

# More panels than this are no picture any more; `lab plot --cells` draws the others.
MAX_PANELS = 24

# Beyond so many marks in one panel an SVG holds them as a picture: as shapes they would be megabytes and look the same.
MANY_MARKS = 4000

# What fits above one of four panels side by side.
_HEADING_CHARACTERS = 28

SETTINGS: dict[str, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 110,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#EDEDED",
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "lines.linewidth": 1.6,
    "svg.hashsalt": "typewriter-lab",  # element ids from the content alone: equal traces give equal files
    "svg.fonttype": "path",
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Run `draw` under the lab's settings, whatever the caller's are, and restore those."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(SETTINGS)
            return draw(*args, **kwargs)

    return wrapper


def new_figure(width_in: float, height_in: float, title: str, subtitle: str) -> Figure:
    """Return an empty figure that says above everything what one sees in it, and below that how to read it."""
    header_in = 0.62 + 0.17 * subtitle.count("\n")
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06, wspace=0.02, hspace=0.04)
    layout.set(rect=(0, 0, 1, 1 - header_in / height_in))
    figure = Figure(figsize=(width_in, height_in), layout=layout)
    figure.text(0.01, 1 - 0.1 / height_in, title, ha="left", va="top", fontsize=13, fontweight="bold")
    figure.text(
        0.01, 1 - 0.36 / height_in, subtitle, ha="left", va="top", fontsize=9.5, color="#444444", linespacing=1.3
    )
    return figure


def grid(count: int, width_in: float = 11.0, panel_height_in: float = 1.95) -> tuple[int, int, float, float]:
    """Return (rows, columns, width, height in inches) of a figure for `count` equal panels."""
    columns = min(count, 4 if count > 4 else max(count, 1))
    if count in (3, 5, 6, 9):
        columns = 3
    rows = math.ceil(count / columns)
    return rows, columns, width_in, 0.9 + rows * max(panel_height_in, 3.4 / rows)


def panels(figure: Figure, count: int, rows: int, columns: int) -> list[Any]:
    """Return `count` axes that share both scales; places that stay empty are taken out."""
    every = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for unused in every[count:]:
        unused.remove()
    for axes in every[max(0, count - columns) : count]:
        axes.tick_params(labelbottom=True)  # the last panel of a column keeps its scale even above an empty place
    return list(every[:count])


def heading(panel: Any, label: str) -> None:
    """Write the cell's slug above its panel, on two lines where one would run into the next panel."""
    panel.set_title("\n".join(textwrap.wrap(label, _HEADING_CHARACTERS, break_long_words=False)))


def shown(cells: Sequence[R]) -> tuple[Sequence[R], str]:
    """Return those of `cells` that fit one picture, and the words that say so if not all do."""
    if len(cells) <= MAX_PANELS:
        return cells, ""
    return cells[:MAX_PANELS], f" (the first {MAX_PANELS} of {len(cells)} cells)"


def key(figure: Figure, entries: Sequence[tuple[str, str]]) -> None:
    """Write what the colours stand for at the top right, each word in its colour."""
    texts: list[Artist] = [
        TextArea(f"━ {name}", textprops={"color": colour, "fontweight": "bold"}) for name, colour in entries
    ]
    row = HPacker(children=texts, pad=0, sep=14)
    figure.add_artist(
        AnchoredOffsetbox(
            "upper right", child=row, frameon=False, bbox_to_anchor=(1, 1), bbox_transform=figure.transFigure
        )
    )
