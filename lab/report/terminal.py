"""A run in the terminal: the matrix as a table, one row per cell. The same figures and words as the report."""

from rich.table import Table

from lab.analysis import words
from lab.analysis.summary import Summary

_COLUMNS = {
    "ttfc_ms_p50": "first letter",
    "gap_ms_p50": "gap p50",
    "gap_ms_p99": "gap p99",
    "lateness_ms_p50": "late p50",
    "chunks_per_read": "chunks/read",
    "stall_ratio_100": "stalled",
    "valid": "valid",
}


def table(summary: Summary) -> Table:
    """For a rich console."""
    out = Table(show_edge=False, pad_edge=False, header_style="bold")
    out.add_column("cell", no_wrap=True)
    for title in _COLUMNS.values():
        out.add_column(title, justify="right")
    for row in summary.cells:
        out.add_row(row.cell, *(words.metric(name, row.value(name)) for name in _COLUMNS))
    return out
