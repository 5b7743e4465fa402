"""What the charts take out of a run: only what can be believed, on one time scale per stream."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.charts.views import gap_views, round_trip_ms, stream_views
from lab.trace.store import Run, table_path
from tests.synthetic import made_up_run

SHOWN = ["every-nodelay", "every-nagle", "none-nodelay", "none-nagle"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_up_run(tmp_path_factory.mktemp("run"))


def test_only_cells_with_a_valid_repetition_are_shown(run: Run) -> None:
    assert [view.label for view in stream_views(run)] == SHOWN
    assert [view.label for view in gap_views(run)] == SHOWN


def test_cells_can_be_chosen(run: Run) -> None:
    assert [view.label for view in stream_views(run, ["none-nagle", "every-nagle"])] == ["every-nagle", "none-nagle"]
    assert [view.label for view in gap_views(run, ["none-nagle"])] == ["none-nagle"]


def test_times_count_from_the_request(run: Run) -> None:
    view = stream_views(run)[0]
    assert view.arrivals_ms()[:3] == pytest.approx([40.16, 60.16, 80.16])
    assert view.writes_ms()[:2] == pytest.approx([20.1, 40.1])


def test_a_staircase_counts_characters(run: Run) -> None:
    times_ms, characters = stream_views(run)[1].staircase("due_ns")
    assert times_ms[:3] == pytest.approx([20, 40, 60])
    assert characters[:3].tolist() == [6, 12, 18]  # " word0", " word1", " word2"


def test_gaps_pool_the_repetitions_and_know_the_rhythm(run: Run) -> None:
    view = gap_views(run)[1]
    assert view.gaps_ms.size == 2 * 2 * 39
    assert (view.interval_ms, view.rtt_ms) == (20, 40)


PATHS: dict[str, tuple[dict[str, Any], float | None]] = {
    "both ways": ({"up": {"delay": "15ms"}, "down": {"delay": "25ms"}}, 40),
    "one way": ({"up": {"delay": "0ms"}, "down": {"delay": "500us"}}, 0.5),
    "none": ({"up": {"delay": "0ms"}, "down": {"delay": "0ms"}}, None),
    "no such setting": ({}, None),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS)
def test_round_trip_is_what_the_path_was_asked_for(
    path: dict[str, Any], expected: float | None, tmp_path: Path
) -> None:
    run = made_up_run(tmp_path)
    run.info.cells[0] = run.info.cells[0].model_copy(update={"settings": {"path": path}})
    assert round_trip_ms(run, "every-nodelay") == expected


def test_tables_that_a_view_does_not_need_are_not_read(run: Run, tmp_path: Path) -> None:
    own = made_up_run(tmp_path)
    table_path(own.path, "writes", "every-nodelay", 1).unlink()
    assert np.array_equal(gap_views(own)[0].gaps_ms, gap_views(run)[0].gaps_ms)
