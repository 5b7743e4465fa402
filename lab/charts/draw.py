"""From a run to picture files: every chart there is, by name, and the two formats of each.

The rule: equal traces give equal files. Dates, versions and random ids are kept out, so that a picture in a repository
changes only when what it shows has changed.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from lab.analysis.summary import Summary, summarise
from lab.charts import style
from lab.charts.gaps import gap_distribution
from lab.charts.heatmap import heat_map, widest_axis
from lab.charts.raster import raster
from lab.charts.staircase import staircase
from lab.charts.views import gap_views, stream_views
from lab.trace.files import storage_errors, write_bytes
from lab.trace.store import Run

HEAT_MAP_METRICS = ("ttfc_ms_p50", "gap_ms_p99", "chunks_per_read", "lateness_ms_p50")

# By format: metadata that would differ without the picture differing, and dots per inch (in an SVG, of what is too fine
# to be shapes).
_FORMATS: dict[str, tuple[dict[str, None], int]] = {
    "png": ({"Software": None}, 110),
    "svg": ({"Date": None, "Creator": None}, 220),
}

Cells = Sequence[str] | None
"""Slugs of the cells to draw; None for all."""


def _staircase(run: Run, _summary: Summary, cells: Cells) -> Figure | None:
    views = stream_views(run, cells)
    return staircase(views) if views else None


def _gaps(run: Run, _summary: Summary, cells: Cells) -> Figure | None:
    views = gap_views(run, cells)
    return gap_distribution(views) if views else None


def _raster(run: Run, _summary: Summary, cells: Cells) -> Figure | None:
    views = stream_views(run, cells)
    return raster(views) if views else None


def _heatmap(_run: Run, summary: Summary, _cells: Cells) -> Figure | None:
    axis = widest_axis(summary)
    return heat_map(summary, HEAT_MAP_METRICS, axis) if axis is not None and len(summary.cells) > 1 else None


CHARTS: dict[str, Callable[[Run, Summary, Cells], Figure | None]] = {
    "staircase": _staircase,
    "gaps": _gaps,
    "heatmap": _heatmap,
    "raster": _raster,
}
"""Each chart by its name; it gives None where the run has nothing for it to show."""


def draw_all(run: Run, out: Path, summary: Summary | None = None) -> list[Path]:
    """Write every chart that has something to show into `out`, as PNG and SVG. Raises StorageError."""
    summary = summary or summarise(run)
    paths = []
    for name, draw in CHARTS.items():
        figure = draw(run, summary, None)
        for suffix in ("png", "svg"):
            path = out / f"{name}.{suffix}"
            if figure is None:
                _remove(path)  # of an earlier report on other data; it would be taken for this one's
            else:
                write_bytes(path, rendered(figure, suffix))
                paths.append(path)
    return paths


def _remove(path: Path) -> None:
    with storage_errors("remove", path):
        path.unlink(missing_ok=True)


@style.styled
def rendered(figure: Figure, file_format: str) -> bytes:
    """Return `figure` as the bytes of a `png` or `svg` file that depend on nothing but what it shows."""
    unwanted, dpi = _FORMATS[file_format]
    out = io.BytesIO()
    figure.savefig(out, format=file_format, metadata=unwanted, dpi=dpi)
    figure.set_layout_engine("none")  # laid out by now; doing it again for the next format takes as long as drawing it
    return out.getvalue()
