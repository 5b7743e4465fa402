"""Each chart by the structure of its figure: what is drawn, what is written on it, on which scales."""

import itertools
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from lab.analysis.summary import Summary, summarise
from lab.charts import style
from lab.charts.gaps import LEFT_EDGE_MS, cumulative, gap_distribution, guide_lines
from lab.charts.heatmap import fields, heat_map, scale, widest_axis
from lab.charts.raster import raster
from lab.charts.staircase import staircase
from lab.charts.views import GapView, StreamView, gap_views, stream_views
from lab.trace.schema import empty
from lab.trace.store import Run
from tests.synthetic import START_NS, chunk_rows, made_up_run, table

LABELS = ["every-nodelay", "every-nagle", "none-nodelay", "none-nagle"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_up_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def summary(run: Run) -> Summary:
    return summarise(run)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left").replace("\n", "") for axes in figure.axes]


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(mpl.text.Text))


@pytest.fixture(scope="module")
def figures(run: Run, summary: Summary) -> dict[str, Figure]:
    return every_chart(run, summary)


def every_chart(run: Run, summary: Summary) -> dict[str, Figure]:
    return {
        "staircase": staircase(stream_views(run)),
        "gaps": gap_distribution(gap_views(run)),
        "raster": raster(stream_views(run)),
        "heatmap": heat_map(summary, ["ttfc_ms_p50", "gap_ms_p99"], "server.flush"),
    }


def settings_of_matplotlib() -> dict[str, Any]:
    """All but the backend, which matplotlib chooses when it is looked at."""
    return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


def test_drawing_changes_no_setting_of_matplotlib(run: Run, summary: Summary) -> None:
    before = settings_of_matplotlib()
    every_chart(run, summary)
    assert settings_of_matplotlib() == before


@pytest.mark.parametrize("name", ["staircase", "gaps", "raster", "heatmap"])
def test_no_text_is_cut_off_and_no_tick_label_lies_on_another(name: str, figures: dict[str, Figure]) -> None:
    figure = figures[name]
    figure.draw_without_rendering()
    width, height = figure.get_size_inches() * figure.dpi
    both = [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    scales = [tick_labels(axis) for axis in both]
    ticks = {label for axis in both for label in (*axis.get_majorticklabels(), *axis.get_minorticklabels())}
    others = [text for text in figure.findobj(mpl.text.Text) if text.get_text() and text not in ticks]
    for text in (*others, *itertools.chain(*scales)):
        box = text.get_window_extent()
        assert -1 <= box.x0 <= box.x1 <= width + 1, text
        assert -1 <= box.y0 <= box.y1 <= height + 1, text
    for labels in scales:
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def tick_labels(axis: Any) -> list[Any]:
    """The labels of a scale that are really shown: matplotlib keeps others, outside the limits."""
    low, high = sorted(axis.get_view_interval())
    shown = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1 for tick in shown if tick.label1.get_visible() and tick.label1.get_text()]


def test_staircase_has_a_panel_per_cell_on_shared_scales(run: Run) -> None:
    figure = staircase(stream_views(run))
    assert titles(figure) == LABELS
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert "time since the request (ms)" in texts(figure)
    assert "text so far (characters)" in texts(figure)


def test_staircase_draws_due_written_and_arrived_whole(run: Run) -> None:
    panel = staircase(stream_views(run)).axes[1]
    lines: dict[str, Any] = {str(line.get_label()): line for line in panel.lines}
    assert list(lines) == ["due", "written", "arrived"]
    assert len({line.get_ydata()[-1] for line in lines.values()}) == 1
    assert len(lines["arrived"].get_xdata()) == 41
    assert panel.get_xlim()[0] == 0
    assert panel.get_xlim()[1] > lines["arrived"].get_xdata()[-1]
    assert panel.get_ylim()[1] >= lines["arrived"].get_ydata()[-1]


def foreign() -> StreamView:
    return StreamView("theirs", table("chunks", chunk_rows([10, 30, 50])), empty("writes"), START_NS)


def test_instants_that_are_unknown_are_neither_drawn_nor_explained() -> None:
    stairs = staircase([foreign()])
    assert [line.get_label() for line in stairs.axes[0].lines] == ["arrived"]
    assert "━ written" not in texts(stairs)
    assert "━ written" not in texts(raster([foreign()]))
    assert "━ arrived" in texts(raster([foreign()]))


def test_gaps_have_a_panel_per_cell_with_the_others_behind(run: Run) -> None:
    figure = gap_distribution(gap_views(run))
    assert titles(figure) == LABELS
    for axes, label in zip(figure.axes, LABELS, strict=True):
        own = [line for line in axes.lines if line.get_label() == label]
        assert len(own) == 1
        (behind,) = any_collections(axes)
        assert len(behind.get_segments()) == 4
        assert axes.get_xscale() == "log"
        assert axes.get_xlim()[0] == LEFT_EDGE_MS


CURVES = {
    "zeros begin at the left edge": ([0, 0, 0, 40], {LEFT_EDGE_MS: 0.75, 39.9: 0.75, 40: 1.0}),
    "even rhythm": ([20, 20, 20], {LEFT_EDGE_MS: 0.0, 19.9: 0.0, 20: 1.0}),
    "shorter than the scale": ([0.01, 20], {LEFT_EDGE_MS: 0.5, 20: 1.0}),
}


@pytest.mark.parametrize(("gaps", "expected"), CURVES.values(), ids=CURVES)
def test_cumulative_share_of_gaps(gaps: list[float], expected: dict[float, float]) -> None:
    times_ms, shares = cumulative(np.array(gaps, dtype=np.float64))
    found = {at_ms: shares[np.searchsorted(times_ms, at_ms, side="right") - 1] for at_ms in expected}
    assert found == expected


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=2000))
def test_a_thinned_curve_never_falls_and_ends_at_all(gaps: list[float]) -> None:
    times_ms, shares = cumulative(np.array(gaps))
    assert times_ms.size <= 402
    assert np.all(np.diff(times_ms) >= 0)
    assert np.all(np.diff(shares) >= 0)
    assert shares[-1] == 1


GUIDES: dict[str, tuple[float | None, float | None, list[tuple[float, str]]]] = {
    "nothing known": (None, None, [(40, "40 ms"), (200, "200 ms")]),
    "all apart": (10, 100, [(10, "Δ 10 ms"), (40, "40 ms"), (100, "RTT 100 ms"), (200, "200 ms")]),
    "on one another": (20, 40, [(20, "Δ 20 ms"), (40, ""), (40, "40 ms, RTT 40 ms"), (200, "200 ms")]),
    "three together": (40, 50, [(40, ""), (40, ""), (50, "40 ms, Δ 40 ms, RTT 50 ms"), (200, "200 ms")]),
}


@pytest.mark.parametrize(("interval", "rtt", "expected"), GUIDES.values(), ids=GUIDES)
def test_guide_lines_close_together_share_a_label(
    interval: float | None, rtt: float | None, expected: list[tuple[float, str]]
) -> None:
    assert guide_lines(GapView("c", np.array([1.0]), interval, rtt)) == expected


def any_collections(axes: Any) -> list[Any]:
    """The same for what is drawn in them."""
    return list(axes.collections)


def any_axes(figure: Figure) -> list[Any]:
    """The axes without their types: a collection of vertical lines is not known as such."""
    return list(figure.axes)


def test_raster_has_a_row_per_cell_with_writes_above_arrivals(run: Run) -> None:
    (axes,) = any_axes(raster(stream_views(run)))
    assert [tick.get_text() for tick in axes.get_yticklabels()] == LABELS
    writes, arrivals = axes.collections[2], axes.collections[3]
    assert (len(writes.get_segments()), len(arrivals.get_segments())) == (20, 20)
    bottom_of_write = max(segment[:, 1].max() for segment in writes.get_segments())
    top_of_arrival = min(segment[:, 1].min() for segment in arrivals.get_segments())
    assert bottom_of_write < top_of_arrival  # the axis points down
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_an_arrival_of_several_letters_is_longer(run: Run) -> None:
    (axes,) = any_axes(raster(stream_views(run)))
    one, two, ten = (np.ptp(axes.collections[place].get_segments()[0][:, 1]) for place in (1, 3, 5))
    assert one < two < ten


def test_heat_map_lays_the_widest_axis_across(summary: Summary) -> None:
    assert widest_axis(summary) == "server.flush"
    field = fields(summary, "server.flush")
    assert field.columns == ["every", "none", "end"]
    assert field.lines == ["nodelay true", "nodelay false"]
    assert [[row.cell if row else None for row in line] for line in field.rows] == [
        ["every-nodelay", "none-nodelay", "end-nodelay"],
        ["every-nagle", "none-nagle", "end-nagle"],
    ]


def test_heat_map_writes_every_value_or_why_there_is_none(summary: Summary) -> None:
    axes = heat_map(summary, ["chunks_per_read"], "server.flush").axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == ["1", "10", "invalid", "2", "10", "not run"]


SCALES = {
    "close together": ([10.0, 20.0], "linear", (0, 20)),
    "far apart": ([1.0, 900.0], "log", (1, 900)),
    "with a zero": ([0.0, 900.0], "linear", (0, 900)),
    "all zero": ([0.0, 0.0], "linear", (0, 1)),
    "nothing known": ([float("nan")], "linear", (0, 1)),
}


@pytest.mark.parametrize(("values", "kind", "limits"), SCALES.values(), ids=SCALES)
def test_colours_follow_the_logarithm_where_values_are_far_apart(
    values: list[float], kind: str, limits: tuple[float, float]
) -> None:
    norm = scale(np.array(values))
    assert ("log" if "Log" in type(norm).__name__ else "linear") == kind
    assert (norm.vmin, norm.vmax) == limits


def test_more_cells_than_fit_are_said_to_be_left_out() -> None:
    views = [GapView(f"cell-{n}", np.array([20.0]), None, None) for n in range(style.MAX_PANELS + 6)]
    figure = gap_distribution(views)
    assert len(figure.axes) == style.MAX_PANELS
    assert "the first 24 of 30 cells" in texts(figure)


def test_a_long_stream_is_drawn_as_a_picture_in_svg() -> None:
    count = style.MANY_MARKS + 1
    rows = chunk_rows([float(n) for n in range(count)])
    view = StreamView("long", table("chunks", rows), empty("writes"), START_NS)
    assert staircase([view]).axes[0].lines[0].get_rasterized()
    assert raster([view]).axes[0].collections[-1].get_rasterized()
