"""Streams that did not end as they should: how many of each cell, how, and what the first of them said.

The rule: every stream counts, those of invalid repetitions too; a stream that broke is a finding, not noise.
"""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from lab.analysis.words import count

_WELL = ("done", None)


@dataclass(frozen=True)
class Ending:
    """The streams of a cell that ended like this, and the first error among them ("" if there was none)."""

    cell: str
    completion: str
    streams: int
    error: str

    def in_words(self) -> str:
        """For a line in the terminal."""
        return f"{self.cell}: {count(self.streams, 'stream')} ended as {self.completion}" + (
            f": {self.error}" if self.error else ""
        )

    @property
    def broke(self) -> bool:
        """Whether something went wrong: others' servers may just close, and whoever ends a test stops its streams."""
        return bool(self.error) or self.completion not in ("closed", "stopped")


def endings(streams: pa.Table) -> list[Ending]:
    """Return how the streams in table `streams` ended, other than with `done`."""
    rows = streams.select(["cell", "completion", "error"]).to_pylist()
    broken = [row for row in rows if row["completion"] not in _WELL]
    counts = Counter((row["cell"], row["completion"]) for row in broken)
    errors: dict[tuple[str, str], str] = {}
    for row in broken:
        errors.setdefault((row["cell"], row["completion"]), row["error"] or "")
    return [Ending(cell, completion, number, errors[cell, completion]) for (cell, completion), number in counts.items()]
