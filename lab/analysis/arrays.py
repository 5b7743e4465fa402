"""Arrow columns as numpy arrays, with unknown values kept unknown.

The rule: instants are subtracted as integers and only then become floats, because a float64 does not hold every nanosecond
of a long uptime; what could not be measured is NaN in an array and None in a figure, never 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NS_PER_MS = 1_000_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def integers(table: pa.Table, name: str) -> Ints:
    """Return the column `name`, which has no nulls here, as int64 of shape (rows,)."""
    column = table.column(name)
    if column.null_count:
        raise ValueError(f"the column {name!r} has nulls where none can be")
    array: Ints = column.to_numpy()
    return array


def known_integers(table: pa.Table, name: str) -> tuple[Ints, Bools]:
    """Return the column `name` as int64 and where it is known, both of shape (rows,); unknown values read 0."""
    column = table.column(name)
    return pc.fill_null(column, 0).to_numpy(), pc.is_valid(column).to_numpy()


def spans_ms(table: pa.Table, earlier: str, later: str) -> Floats:
    """Return `later` − `earlier` in ms, of shape (rows,), NaN where either is unknown."""
    spans_ns: Any = pc.subtract(table.column(later), table.column(earlier)).to_numpy()
    return np.asarray(spans_ns, dtype=np.float64) / NS_PER_MS


def stream_keys(table: pa.Table) -> Ints:
    """Return one number per row that names its stream within a cell: ordered by rep, then by stream."""
    return (integers(table, "rep") << 32) + integers(table, "stream")


def quantile(values: Floats, q: float) -> float | None:
    """Return the `q` quantile (linear interpolation) of the known values, or None if there are none."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, q)) if known.size else None
