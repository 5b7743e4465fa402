"""A run on disk: Parquet tables per repetition beside `run.json`, which is the index.

The rule: `run.json` says which repetitions exist, the files hold them. A file that the index does not name (the lab was
killed between the two) is not part of the run; one that it names and that is missing or torn is an error, never a gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lab.errors import StorageError, UsageError
from lab.trace.files import storage_errors, write_whole
from lab.trace.run_info import RUN_FILE, RepetitionInfo, RunInfo
from lab.trace.schema import ADDED_LATER, ALWAYS, TABLES, empty


def table_path(run: Path, name: str, cell: str, rep: int) -> Path:
    """Return where table `name` of that repetition lives."""
    return run / name / f"{cell}.{rep}.parquet"


def write_repetition(run: Path, cell: str, rep: int, tables: Mapping[str, pa.Table]) -> None:
    """Write the tables of one repetition: all of `schema.ALWAYS`, and `path` if packets were logged.

    Raises StorageError when the disk refuses; ValueError (a fault of the lab) for tables that are not what `schema` says.
    """
    missing = [name for name in ALWAYS if name not in tables]
    if missing:
        raise ValueError(f"repetition {rep} of cell {cell!r} lacks the tables {', '.join(missing)}")
    checked = {name: _checked(name, table, cell, rep) for name, table in tables.items()}
    for name, table in checked.items():
        write_whole(table_path(run, name, cell, rep), partial(pq.write_table, table))


def _checked(name: str, table: pa.Table, cell: str, rep: int) -> pa.Table:
    schema = TABLES[name]
    if table.column_names != schema.names:
        raise ValueError(f"table {name} has the columns {table.column_names}; its schema says {schema.names}")
    table = table.cast(schema)
    for column, expected in (("cell", cell), ("rep", rep)):
        found = pc.unique(table.column(column)).to_pylist()
        if found not in ([], [expected]):
            raise ValueError(f"table {name} of repetition {rep} of cell {cell!r} holds rows of {column} {found}")
    return table


def open_run(path: str | Path) -> "Run":
    """Open the run in directory `path`; links such as `results/latest` are followed.

    Raises UsageError if there is no run, StorageError if its index is torn. Tables are read when they are asked for.
    """
    directory = Path(path).resolve()
    if not (directory / RUN_FILE).is_file():
        raise UsageError(
            f"Could not open {path} as a run: it has no {RUN_FILE}. "
            "Give the directory that `lab run` printed last, or results/latest."
        )
    return Run(directory, RunInfo.load(directory / RUN_FILE))


@dataclass(frozen=True)
class Run:
    """A run that can be read: its directory, its index and, on request, its tables."""

    path: Path
    info: RunInfo

    def table(self, name: str) -> pa.Table:
        """Return table `name` of the whole run, invalid repetitions included. Raises StorageError."""
        parts = [self._read(name, entry) for entry in self.info.repetitions]
        return pa.concat_tables([empty(name), *parts])

    def repetition(self, cell: str, rep: int, name: str) -> pa.Table:
        """Return table `name` of one repetition. Raises UsageError if the run has no such repetition, StorageError."""
        for entry in self.info.repetitions:
            if (entry.cell, entry.rep) == (cell, rep):
                return self._read(name, entry)
        raise UsageError(f"Could not read repetition {rep} of cell {cell!r} in {self.path}: the run has none such.")

    def _read(self, name: str, entry: RepetitionInfo) -> pa.Table:
        path = table_path(self.path, name, entry.cell, entry.rep)
        if not path.exists() and (name not in ALWAYS or entry.error is not None):
            return empty(name)
        return _read_table(path, name)


def _read_table(path: Path, name: str) -> pa.Table:
    try:
        with storage_errors("read", path):
            # ParquetFile and not read_table: the latter would take "key=value" in the run's own path for a partition.
            return _completed(pq.ParquetFile(path).read(), TABLES[name]).cast(TABLES[name])
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError, ValueError) as error:
        raise StorageError(
            f"Could not read {path}: it is torn or is not a {name} table ({error}). "
            "Resume the run after deleting the file, or run it again."
        ) from error


def _completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`; those that an older lab did not write are null. Raises KeyError for any other missing one."""
    for name in schema.names:
        if name in ADDED_LATER and name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, pa.int64()))
    return table.select(schema.names)
