"""Picture files: which there are, that equal traces give equal files, and that stale ones do not stay."""

from pathlib import Path

from lab.analysis.summary import summarise
from lab.charts.draw import CHARTS, draw_all, rendered
from lab.trace.run_info import RUN_FILE
from lab.trace.store import open_run
from tests.synthetic import made_up_run


def test_every_chart_is_written_as_png_and_svg(tmp_path: Path) -> None:
    run = made_up_run(tmp_path / "run")
    paths = draw_all(run, tmp_path / "charts")
    assert {path.name for path in paths} == {f"{name}.{suffix}" for name in CHARTS for suffix in ("png", "svg")}
    assert {path.name for path in (tmp_path / "charts").iterdir()} == {path.name for path in paths}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths if path.suffix == ".png")
    assert all(b"<svg" in path.read_bytes() for path in paths if path.suffix == ".svg")


def test_equal_traces_give_equal_files_without_a_date(tmp_path: Path) -> None:
    run, again = made_up_run(tmp_path / "one"), made_up_run(tmp_path / "two")
    for suffix in ("png", "svg"):
        one, two = (CHARTS["raster"](each, summarise(each), None) for each in (run, again))
        assert one is not None
        assert two is not None
        data = rendered(one, suffix)
        assert data == rendered(two, suffix)
        assert b"dc:date" not in data
        assert b"atplotlib v" not in data


def test_a_run_with_nothing_to_show_has_no_charts_and_loses_stale_ones(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    run.info.repetitions.clear()
    del run.info.cells[1:]
    run.info.save(tmp_path / RUN_FILE)
    stale = tmp_path / "charts" / "gaps.png"
    stale.parent.mkdir()
    stale.touch()
    assert draw_all(open_run(tmp_path), tmp_path / "charts") == []
    assert not stale.exists()
