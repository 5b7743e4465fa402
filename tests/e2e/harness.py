"""One cell, really run: from settings as a scenario writes them to the tables of one repetition, as lists of rows."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lab.model.matrix import Cell, expand
from lab.model.scenario import read_document
from lab.run.forge import Forge
from lab.run.repetition import Evidence, Repetition
from lab.trace.join import PathLog, join

Row = dict[str, Any]
NS_PER_MS = 1_000_000


def cell_of(**tables: Any) -> Cell:
    """The one cell of a scenario with these tables."""
    (cell,) = expand(read_document(tables, "test", "test"))
    return cell


@dataclass(frozen=True)
class Measured:
    """The tables of one repetition."""

    chunks: list[Row]
    writes: list[Row]
    reads: list[Row]
    streams: list[Row]
    path: list[Row]
    disagreements: int

    def gaps_ms(self) -> list[float]:
        """Between the arrivals of neighbouring chunks of the first stream."""
        arrivals = [chunk["arrival_ns"] for chunk in self.chunks if chunk["stream"] == 1]
        return [(later - earlier) / NS_PER_MS for earlier, later in pairwise(arrivals)]

    def reads_with_chunks(self) -> int:
        """How many reads completed at least one chunk."""
        return len({(chunk["stream"], chunk["read_index"]) for chunk in self.chunks})

    def packets(self, direction: str) -> list[Row]:
        """The delivered packets of one direction, in the order in which they entered the path."""
        rows = [row for row in self.path if row["direction"] == direction and row["verdict"] == "sent"]
        return sorted(rows, key=lambda row: row["t_in_ns"])


def measure(forge: Forge, **tables: Any) -> Measured:
    """Run the cell once and join what was seen."""
    cell = cell_of(**tables)
    return joined(cell, forge.conduct(Repetition(cell, rep=1, slot=1, seed="1/1")))


def joined(cell: Cell, evidence: Evidence) -> Measured:
    """The evidence as rows."""
    log = PathLog(evidence.path.packets, evidence.path.connections) if evidence.path else None
    result = join(cell.name, 1, evidence.said, evidence.seen.streams, log, cell.spec.workload.chunks)
    tables = {name: table.to_pylist() for name, table in result.tables.items()}
    return Measured(**{"path": [], **tables}, disagreements=result.disagreements)
