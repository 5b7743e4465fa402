"""The gate's own scenario with regressions in it: one run that holds its cells, each beside a copy, and every injection.

The rule: base and identical copy are the two sides of `scenarios/ci.toml` as it stands; an injection is one of its bases
with a setting changed, and stands in for a server that came to do so. All are cells of one matrix, so they are interleaved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.gate.figures import Figures
from lab.gate.settings import key_of
from lab.gate.sides import Pair, Side, pairs_by_axis, sides_of
from lab.model.matrix import Cell, expand, slug
from lab.model.scenario import Scenario, Settings
from lab.model.units import NS_PER_MS, format_duration
from lab.run import catalogue

AXIS, BASE = "server", '{flush="every", nodelay=true}'
_LOOPBACK: Settings = {"path": "loopback", "server.writes_per_chunk": 1}
_FIBRE: Settings = {"path": "fibre", "server.writes_per_chunk": 1}
_FIBRE_IN_THREE: Settings = {"path": "fibre", "server.writes_per_chunk": 3}
# What server, path and client add of their own to what is planned, so that +10 % is not less than that.
_OWN_NS = NS_PER_MS * 3 // 2
_LARGE_SHARE, _LARGE_NS = 0.10, 2 * NS_PER_MS


@dataclass(frozen=True)
class Injection:
    """A regression in one compared cell. `large`: at least a tenth *and* 2 ms, which the gate has to find."""

    name: str
    base: str
    settings: Settings
    large: bool

    @property
    def cell(self) -> str:
        """Its name in the matrix."""
        return slug({"injection": self.name, "base": self.base})


@dataclass(frozen=True)
class Proof:
    """What is run: the scenario; the names of its compared cells, base to identical copy; and the injections."""

    scenario: Scenario
    identical: dict[str, str]
    injections: list[Injection]


@dataclass(frozen=True)
class Pools:
    """The pairs that came of it: of identical code by cell, and of the injections in their order."""

    identical: list[Pair]
    injected: list[Pair]


def proof(repeat: int) -> Proof:
    """With so many repetitions of each cell."""
    scenario = catalogue.load("ci", {})
    cells = {cell.name: cell for cell in expand(scenario)}
    sides = [Side(cell.name, cell.axes, {}, False, "", lambda _metric: {}) for cell in cells.values()]
    pairs = pairs_by_axis(sides, AXIS, BASE)
    bases = {_name(pair.base.axes): cells[pair.base.cell] for pair in pairs}
    copies = {f"identical-{_name(pair.head.axes)}": cells[pair.head.cell] for pair in pairs}
    injections = list(_injections(bases))
    rows = [{"name": name, **cell.axes} for name, cell in (bases | copies).items()]
    rows += [{"name": each.cell, **bases[each.base].axes, **each.settings} for each in injections]
    header = scenario.header.model_copy(
        update={"name": "gate-proof", "description": "the gate's cells, copies and injections", "repeat": repeat}
    )
    made = scenario.model_copy(update={"header": header, "matrix": {}, "excludes": [], "extra_cells": rows})
    return Proof(made, dict(zip(bases, copies, strict=True)), injections)


def pools(made: Proof, figures: Figures) -> Pools:
    """The pairs of a run of `made`."""
    sides = {side.cell: side for side in sides_of(figures)}
    return Pools(
        [Pair(sides[base], sides[copy]) for base, copy in made.identical.items()],
        [Pair(sides[each.base], sides[each.cell]) for each in made.injections],
    )


def _name(axes: Any) -> str:
    return slug({key: value for key, value in axes.items() if key != AXIS})


def _injections(bases: dict[str, Cell]) -> Iterator[Injection]:
    def of(where: Settings) -> str:
        return next(name for name, cell in bases.items() if key_of(cell.axes, AXIS) == key_of(where))

    for where in (_LOOPBACK, _FIBRE):
        for percent in (5, 10, 20):
            yield _later(of(where), bases[of(where)], f"+{percent} %", percent * _ttfc_ns(bases[of(where)]) // 100)
    for delay_ms in (2, 5, 40):
        yield _later(of(_LOOPBACK), bases[of(_LOOPBACK)], f"+{delay_ms} ms", delay_ms * NS_PER_MS)
    yield Injection("NODELAY lost", of(_FIBRE_IN_THREE), {"server.nodelay": False}, large=True)
    yield Injection("4 KiB buffer", of(_LOOPBACK), {"server.flush": "none"}, large=True)
    one_way_ns = bases[of(_FIBRE)].spec.path.rtt_ns // 2
    yield Injection("one more RTT", of(_FIBRE), {"path.delay": format_duration(2 * one_way_ns)}, large=True)


def _ttfc_ns(cell: Cell) -> int:
    return cell.spec.workload.first + cell.spec.path.rtt_ns + _OWN_NS


def _later(base: str, cell: Cell, name: str, by_ns: int) -> Injection:
    """The first chunk is due so much later."""
    large = by_ns >= _LARGE_NS and by_ns >= _LARGE_SHARE * _ttfc_ns(cell)
    return Injection(name, base, {"workload.first": format_duration(cell.spec.workload.first + by_ns)}, large)
