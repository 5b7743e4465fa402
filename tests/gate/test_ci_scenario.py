"""The shipped scenario of the gate: what it promises in its head."""

from lab.gate.sides import Side, pairs_by_axis
from lab.model.matrix import expand
from lab.run.catalogue import load

REFERENCE = '{flush="every", nodelay=true}'
SCENARIO = load("ci", {})
CELLS = {cell.name: cell for cell in expand(SCENARIO)}


def _pairs() -> list[tuple[str, str]]:
    sides = [Side(cell.name, cell.axes, {}, False, "", lambda _metric: {}) for cell in CELLS.values()]
    return [(pair.base.cell, pair.head.cell) for pair in pairs_by_axis(sides, "server", REFERENCE)]


def test_at_most_five_cells_are_compared_in_twelve_pairs_or_more() -> None:
    assert 1 <= len(_pairs()) <= 5
    assert SCENARIO.header.repeat >= 12
    assert {name for pair in _pairs() for name in pair} == set(CELLS)


def test_the_shipped_mode_is_the_reference() -> None:
    """Else the lab's own check would compare two modes, and not two states of one."""
    for base, head in _pairs():
        assert CELLS[base].spec == CELLS[head].spec


def test_each_kind_of_regression_has_its_cell() -> None:
    specs = [cell.spec for cell in CELLS.values()]
    assert {spec.path.rtt_ns > 0 for spec in specs} == {True, False}
    assert {spec.server.writes_per_chunk for spec in specs} == {1, 3}
    text_bytes = max(spec.workload.chunks * (spec.workload.size or 0) for spec in specs)
    assert text_bytes < 4096  # so that a buffer of 4 KiB holds everything to the end
