"""The matrix as a table: text for people, values for sorting."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.analysis.metrics import METRIC_DOCS
from lab.analysis.summary import summarise
from lab.report.matrix import Matrix, matrix
from tests.synthetic import made_up_run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    return matrix(summarise(made_up_run(tmp_path_factory.mktemp("run"))))


def field(table: Matrix, cell: str, column: str) -> tuple[str, str]:
    line = next(line for line in table.lines if line.cell == cell)
    place = [column.name for column in table.columns].index(column)
    return line.fields[place].text, line.fields[place].sort


def test_every_metric_is_a_column_with_its_meaning(table: Matrix) -> None:
    names = [column.name for column in table.columns]
    assert names == ["server.flush", "server.nodelay", *METRIC_DOCS, "valid"]
    assert all(column.doc for column in table.columns)


def test_a_first_look_needs_few_of_them(table: Matrix) -> None:
    first = [column.name for column in table.columns if not column.more]
    assert {"server.flush", "ttfc_ms_p50", "chunks_per_read", "valid"} <= set(first)
    assert len(first) < 14


def test_letters_that_went_astray_are_seen_at_the_first_look_and_only_they(tmp_path: Path, table: Matrix) -> None:
    assert "chunks_lost" not in [column.name for column in table.columns if not column.more]
    summary = summarise(made_up_run(tmp_path))
    first, *others = summary.cells
    assert first.metrics is not None
    lossy = replace(first, metrics=replace(first.metrics, chunks_lost=3))
    shown = matrix(replace(summary, cells=(lossy, *others)))
    assert {"chunks_lost", "chunks_doubled"} & {column.name for column in shown.columns if not column.more} == {
        "chunks_lost"
    }


FIELDS = {
    "an axis": ("every-nagle", "server.nodelay", ("false", "false")),
    "a duration": ("every-nagle", "ttfc_ms_p50", ("60.2 ms", "60.16")),
    "a share": ("none-nodelay", "stall_ratio_100", ("90 %", "0.9")),
    "invalid": ("end-nodelay", "ttfc_ms_p50", ("–", "")),
    "said to be invalid": ("end-nodelay", "valid", ("invalid", "invalid")),
    "not run": ("end-nagle", "valid", ("not run", "not run")),
}


@pytest.mark.parametrize(("cell", "column", "expected"), FIELDS.values(), ids=FIELDS)
def test_fields(cell: str, column: str, expected: tuple[str, str], table: Matrix) -> None:
    assert field(table, cell, column) == expected


def test_lines_are_in_the_order_of_the_matrix(table: Matrix) -> None:
    assert [line.state for line in table.lines] == ["valid"] * 4 + ["invalid", "not run"]


def test_a_run_without_axes_is_a_table_too(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    run.info.cells[:] = [cell.model_copy(update={"axes": {}}) for cell in run.info.cells]
    assert matrix(summarise(run)).columns[0].name == "streams"
