"""What was written is read back; what is missing, torn or foreign is refused by name."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lab.trace
from lab.analysis.summary import summarise
from lab.errors import StorageError, UsageError
from lab.trace.run_info import RUN_FILE, RunInfo
from lab.trace.schema import ADDED_LATER, ALWAYS, TABLES
from lab.trace.store import open_run, table_path, write_repetition
from tests.synthetic import made_up_run, packets, repetition


def test_a_repetition_reads_back_as_it_was_written(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    expected = repetition("every-nodelay", 2, streams=2)
    for name in ALWAYS:
        assert run.repetition("every-nodelay", 2, name).equals(expected[name])
    assert run.repetition("every-nodelay", 2, "path").equals(packets(expected))


def test_a_whole_run_is_the_repetitions_one_after_the_other(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    chunks = run.table("chunks")
    assert chunks.num_rows == 5 * 2 * 2 * 40
    assert chunks.schema.equals(TABLES["chunks"], check_metadata=True)


@pytest.mark.parametrize("name", TABLES)
def test_pyarrow_reads_a_whole_run_from_the_directory(name: str, tmp_path: Path) -> None:
    run = made_up_run(tmp_path / "key=value")
    assert pq.read_table(f"{run.path / name}/").num_rows == run.table(name).num_rows > 0
    assert pq.read_table(f"{run.path / name}/").schema.names == TABLES[name].names


def test_the_latest_link_is_followed(tmp_path: Path) -> None:
    run = made_up_run(tmp_path / "typewriter-1")
    (tmp_path / "latest").symlink_to("typewriter-1")
    assert lab.trace.open_run(tmp_path / "latest").path == run.path
    assert lab.trace.open_run(str(tmp_path / "latest")).info == run.info


NO_RUNS = {"nothing there": "absent", "a directory without an index": "empty", "a file": "file.txt"}


@pytest.mark.parametrize("name", NO_RUNS.values(), ids=NO_RUNS)
def test_what_is_no_run_is_refused_with_its_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(UsageError, match=name):
        open_run(tmp_path / name)


def test_a_missing_table_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    table_path(run.path, "reads", "every-nagle", 1).unlink()
    with pytest.raises(StorageError, match=r"reads/every-nagle\.1\.parquet: No such file"):
        run.table("reads")
    assert run.repetition("every-nagle", 2, "reads").num_rows


def test_a_missing_packet_log_means_that_no_path_was_emulated(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    table_path(run.path, "path", "every-nagle", 1).unlink()
    assert run.repetition("every-nagle", 1, "path").equals(TABLES["path"].empty_table())


def test_a_repetition_that_broke_may_lack_its_tables(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    broken = run.info.repetitions[0].model_copy(update={"rep": 9, "valid": False, "error": "the client died"})
    run.info.repetitions.append(broken)
    assert run.repetition(broken.cell, 9, "chunks").num_rows == 0
    assert run.table("chunks").num_rows == 5 * 2 * 2 * 40


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut_at_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _no_parquet(path: Path) -> None:
    path.write_text("cell,rep\n")


def _zero(path: Path) -> None:
    path.write_bytes(b"")


def _other_table(path: Path) -> None:
    pq.write_table(pa.table({"cell": ["every-nagle"]}), path)


def test_columns_that_an_older_lab_did_not_write_are_null(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    for name in ALWAYS:
        for file in (run.path / name).iterdir():
            table = pq.read_table(file)
            pq.write_table(table.drop_columns([column for column in table.column_names if column in ADDED_LATER]), file)
    for name in ALWAYS:
        table = run.table(name)
        assert table.schema.equals(TABLES[name])
        assert all(
            table.column(column).null_count == table.num_rows for column in ADDED_LATER & set(table.column_names)
        )
    figures = {row.cell: row.metrics for row in summarise(run).cells if row.metrics}
    assert figures
    assert all((each.reconnects, each.chunks_lost, each.chunks_doubled) == (None,) * 3 for each in figures.values())
    assert all(each.gap_ms_p50 is not None for each in figures.values())


TORN = {
    "cut in half": _cut,
    "last byte gone": _cut_at_the_end,
    "text": _no_parquet,
    "empty": _zero,
    "other": _other_table,
}


@pytest.mark.parametrize("tear", TORN.values(), ids=TORN)
def test_a_torn_table_is_an_error_that_names_the_file(tear: object, tmp_path: Path) -> None:
    assert callable(tear)
    run = made_up_run(tmp_path)
    tear(table_path(run.path, "chunks", "every-nagle", 1))
    with pytest.raises(StorageError, match=r"chunks/every-nagle\.1\.parquet: it is torn"):
        run.table("chunks")


def test_files_that_the_index_does_not_name_are_no_part_of_the_run(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    write_repetition(run.path, "every-nagle", 3, repetition("every-nagle", 3))
    assert open_run(tmp_path).table("chunks").num_rows == run.table("chunks").num_rows


def test_an_unknown_repetition_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="repetition 7 of cell 'every-nagle'"):
        made_up_run(tmp_path).repetition("every-nagle", 7, "chunks")


def _without(tables: dict[str, pa.Table], name: str) -> dict[str, pa.Table]:
    return {key: value for key, value in tables.items() if key != name}


GOOD = repetition("c", 1)
WRONG = {
    "table missing": _without(GOOD, "reads"),
    "column missing": GOOD | {"reads": GOOD["reads"].drop_columns(["stamp_ns"])},
    "columns in another order": GOOD | {"reads": GOOD["reads"].select(TABLES["reads"].names[::-1])},
    "rows of another cell": GOOD | {"reads": repetition("d", 1)["reads"]},
    "rows of another repetition": GOOD | {"reads": repetition("c", 2)["reads"]},
    "a key that is null": GOOD
    | {"reads": GOOD["reads"].set_column(1, "rep", pa.nulls(GOOD["reads"].num_rows, pa.int64()))},
}


@pytest.mark.parametrize("tables", WRONG.values(), ids=WRONG)
def test_tables_that_are_not_what_the_schema_says_are_a_fault_of_the_lab(
    tables: dict[str, pa.Table], tmp_path: Path
) -> None:
    with pytest.raises(ValueError):
        write_repetition(tmp_path, "c", 1, tables)
    assert not list(tmp_path.iterdir())


def test_narrower_columns_are_widened(tmp_path: Path) -> None:
    reads = GOOD["reads"]
    narrow = reads.set_column(reads.column_names.index("bytes"), "bytes", reads["bytes"].cast(pa.int32()))
    write_repetition(tmp_path, "c", 1, GOOD | {"reads": narrow})
    assert pq.read_table(table_path(tmp_path, "reads", "c", 1)).equals(reads)


def test_a_directory_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "chunks").write_text("a file where a directory should be")
    with pytest.raises(StorageError, match=r"chunks/c\.1\.parquet"):
        write_repetition(tmp_path, "c", 1, GOOD)


def test_the_index_is_found_beside_the_tables(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    assert RunInfo.load(run.path / RUN_FILE) == run.info
