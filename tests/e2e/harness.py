"""One cell, really run: from settings as a scenario writes them to the tables of one repetition, as lists of rows."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lab.model.matrix import Cell, expand
from lab.model.scenario import read_document
from lab.run.forge import Forge
from lab.run.matrix import join_evidence
from lab.run.repetition import Evidence, Repetition

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
        arrivals = [row["arrival_ns"] for row in self.chunks if row["stream"] == 1 and row["arrival_ns"] is not None]
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
    repetition = Repetition(cell_of(**tables), rep=1, slot=1, seed="1/1")
    return joined(repetition, forge.conduct(repetition))


def witnessed(forge: Forge, **tables: Any) -> tuple[Measured, Evidence]:
    """The same, with what the join leaves out: settings as read back, and cross traffic."""
    repetition = Repetition(cell_of(**tables), rep=1, slot=1, seed="1/1")
    evidence = forge.conduct(repetition)
    return joined(repetition, evidence), evidence


def joined(repetition: Repetition, evidence: Evidence) -> Measured:
    """The evidence as rows."""
    result = join_evidence(repetition, evidence)
    tables = {name: table.to_pylist() for name, table in result.tables.items()}
    return Measured(**{"path": [], **tables}, disagreements=result.disagreements)
