"""The rows of summary.csv and repetitions.csv: the contract's columns, and only believable figures."""

import csv
import io
from pathlib import Path

import pytest

from lab.analysis.metrics import METRIC_DOCS
from lab.analysis.summary import Summary, measuring_of, summarise
from tests.synthetic import made_up_run


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return summarise(made_up_run(tmp_path_factory.mktemp("run")))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_columns_of_summary_csv(summary: Summary) -> None:
    header = summary.cells_csv().splitlines()[0].split(",")
    assert header == ["cell", "server.flush", "server.nodelay", *METRIC_DOCS, "valid"]


def test_columns_of_repetitions_csv(summary: Summary) -> None:
    header = summary.repetitions_csv().splitlines()[0].split(",")
    assert header == ["cell", "rep", "server.flush", "server.nodelay", *METRIC_DOCS, "valid"]


def test_every_cell_has_a_row_in_the_order_of_the_matrix(summary: Summary) -> None:
    cells = [row["cell"] for row in rows(summary.cells_csv())]
    assert cells == ["every-nodelay", "every-nagle", "none-nodelay", "none-nagle", "end-nodelay", "end-nagle"]


def test_a_cell_pools_its_valid_repetitions(summary: Summary) -> None:
    row = rows(summary.cells_csv())[1]
    assert (row["server.flush"], row["server.nodelay"], row["valid"]) == ("every", "false", "true")
    assert (row["streams"], row["chunks"], row["chunks_per_read"]) == ("4", "160", "2.0")
    assert row["gap_ms_p95"] == "40.0"


def test_a_cell_without_a_valid_repetition_shows_no_figure(summary: Summary) -> None:
    row = rows(summary.cells_csv())[4]
    assert row["valid"] == "false"
    assert {row[name] for name in METRIC_DOCS} == {""}
    assert "end-nodelay" not in summary.sentences


def test_an_invalid_repetition_keeps_its_figures_and_is_marked(summary: Summary) -> None:
    invalid = [row for row in rows(summary.repetitions_csv()) if row["cell"] == "end-nodelay"]
    assert [(row["rep"], row["valid"], row["chunks_per_read"]) for row in invalid] == [
        ("1", "false", "40.0"),
        ("2", "false", "40.0"),
    ]


def test_a_cell_that_was_not_run_is_neither_valid_nor_invalid(summary: Summary) -> None:
    row = rows(summary.cells_csv())[5]
    assert {row[name] for name in (*METRIC_DOCS, "valid")} == {""}
    assert row["server.flush"] == "end"


def test_an_invalid_repetition_changes_nothing_in_its_cell(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    before = summarise(run).cells[3]
    entry = next(entry for entry in run.info.repetitions if entry.cell == "none-nagle")
    run.info.repetitions[run.info.repetitions.index(entry)] = entry.model_copy(update={"valid": False})
    after = summarise(run).cells[3]
    assert before.metrics is not None
    assert after.metrics is not None
    assert (before.metrics.chunks, after.metrics.chunks) == (160, 80)
    assert after.valid


def test_a_repetition_that_broke_has_a_row_without_figures(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    broken = run.info.repetitions[0].model_copy(update={"rep": 3, "valid": False, "error": "the client died"})
    run.info.repetitions.append(broken)
    row = rows(summarise(run).repetitions_csv())[2]
    assert (row["cell"], row["rep"], row["valid"], row["chunks"]) == (broken.cell, "3", "false", "")


ARRIVALS = {"together": False, "staggered:50ms": True, "poisson:20/s": True}


@pytest.mark.parametrize(("arrivals", "is_open"), ARRIVALS.items())
def test_open_arrivals_are_taken_from_the_settings(arrivals: str, is_open: bool, tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    cell = run.info.cells[0]
    settings = cell.settings | {"client": {"arrivals": arrivals}}
    run.info.cells[0] = cell.model_copy(update={"settings": settings})
    assert measuring_of(run, cell.cell).open_arrivals is is_open


def test_the_run_itself_is_not_changed(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    before = sorted(path.name for path in run.path.iterdir())
    summarise(run)
    assert sorted(path.name for path in run.path.iterdir()) == before
