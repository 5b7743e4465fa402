"""Runs with the figures that a test wants: each repetition has its own time to the first chunk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from lab.trace.run_info import RUN_FILE, CellInfo, RepetitionInfo, RunInfo, Skipped
from lab.trace.store import Run, open_run, write_repetition
from tests.synthetic import MS, START_NS, repetition, settings

MACHINE: dict[str, JsonValue] = {
    "cpu": "a processor",
    "cpus": 2,
    "kernel": "6.18.0-lab",
    "kernel_hz": 250,
    "python": "3.11.7",
    "lab": "0.1.0",
}
SERVER = {"flush": "every", "nodelay": True, "cork": False, "writes_per_chunk": 1, "command": ""}


def cell(name: str, axes: Mapping[str, Any], **changes: Any) -> CellInfo:
    """A cell on loopback with the lab's own server; `changes` are whole tables of its settings, or `backend`, `skipped`."""
    backend = changes.pop("backend", "loopback")
    skipped = changes.pop("skipped", None)
    tables = {**settings(), "server": SERVER, "proxy": {"command": ""}, "request": {}, **changes}
    reason = Skipped(reason="no TUN device", remedy="Run as root.") if skipped else None
    return CellInfo(cell=name, axes=dict(axes), settings=tables, backend=backend, skipped=reason)


def run(
    directory: Path,
    cells: Mapping[str, CellInfo],
    ttfc_ms: Mapping[str, Sequence[float | None]],
    *,
    environment: Mapping[str, Any] = MACHINE,
    finished: bool = True,
    streams: int = 1,
) -> Run:
    """Write a run whose repetition k of a cell has this TTFC (and 0.16 ms); None is a repetition that is invalid."""
    repeat = max((len(values) for values in ttfc_ms.values()), default=1)
    info = RunInfo(
        scenario={"scenario": {"name": "made-up"}},
        source="made-up",
        seed=1,
        repeat=repeat,
        started="2026-01-02T03:04:05+00:00",
        cells=list(cells.values()),
        environment=dict(environment),
        finished=finished,
    )
    for name, values in ttfc_ms.items():
        for slot, value in enumerate(values, start=1):
            tables = repetition(name, slot, streams=streams, chunks=4, delay_ms=10.0 if value is None else value / 2)
            write_repetition(directory, name, slot, tables)
            entry = RepetitionInfo(
                cell=name, rep=slot, slot=slot, valid=value is not None, reasons=[] if value else ["the client read late"],
                started_ns=START_NS, finished_ns=START_NS + 900 * MS,
            )  # fmt: skip
            info.repetitions.append(entry)
    info.save(directory / RUN_FILE)
    return open_run(directory)


def steady(level_ms: float, count: int = 12, step_ms: float = 0.1) -> list[float]:
    """Figures that vary a little, not in step from one level to another."""
    return [level_ms + step_ms * ((7 * n + int(level_ms)) % 5) for n in range(count)]


def two_sided(directory: Path, base_ms: Sequence[float | None], head_ms: Sequence[float | None], **changes: Any) -> Run:
    """A run of two cells that differ in `server.nodelay`."""
    cells = {
        name: cell(name, {"server.nodelay": nodelay, "path": "lan"}, **changes)
        for name, nodelay in (("nodelay", True), ("nagle", False))
    }
    return run(directory, cells, {"nodelay": base_ms, "nagle": head_ms})
