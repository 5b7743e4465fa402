"""Files appear whole or not at all, and what the disk refuses is told with what to do."""

import errno
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab.errors import StorageError
from lab.trace.files import storage_errors, write_text, write_whole

REFUSALS = {
    "full disk": (errno.ENOSPC, "The disk is full"),
    "quota": (errno.EDQUOT, "quota"),
    "no permission": (errno.EACCES, "may write to"),
    "read-only": (errno.EROFS, "read-only"),
    "anything else": (errno.EIO, "Check the disk"),
}


@pytest.mark.parametrize(("number", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_names_the_file_the_reason_and_the_remedy(number: int, remedy: str, tmp_path: Path) -> None:
    path = tmp_path / "chunks" / "every.1.parquet"
    with pytest.raises(StorageError) as caught, storage_errors("write", path):
        raise OSError(number, os.strerror(number))
    assert str(path) in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert remedy in str(caught.value)


def test_a_full_disk_is_told_for_tables_too() -> None:
    refused = pytest.raises(StorageError, match=r"No space left on device\. The disk is full")
    # Opened here and not by Arrow, which deletes the path that it could not fill: the device itself.
    with refused, storage_errors("write", Path("chunks/every.1.parquet")), open("/dev/full", "wb", buffering=0) as full:
        pq.write_table(pa.table({"due_ns": range(100_000)}), full)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "run.json", "old")
    write_text(tmp_path / "run.json", "new – and longer")
    assert (tmp_path / "run.json").read_text() == "new – and longer"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_writer_that_fails_half_way_leaves_the_old_file_and_nothing_aside(tmp_path: Path) -> None:
    write_text(tmp_path / "run.json", "old")

    def half(aside: Path) -> None:
        aside.write_text("ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError):
        write_whole(tmp_path / "run.json", half)
    assert (tmp_path / "run.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_what_lies_aside_is_no_table_to_parquet(tmp_path: Path) -> None:
    seen: list[str] = []
    write_whole(tmp_path / "every.1.parquet", lambda aside: seen.append(aside.name) or aside.touch())  # type: ignore[func-returns-value]
    assert seen[0].startswith(".")
