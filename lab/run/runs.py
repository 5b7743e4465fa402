"""A run's directory: made, opened again, and kept as an index that is true after every repetition."""

import datetime
from collections.abc import Iterable
from pathlib import Path

from lab.errors import ScenarioError, StorageError, UsageError
from lab.model.matrix import Cell
from lab.model.problems import build
from lab.model.scenario import CellSpec, Scenario, Settings
from lab.run.environment import describe
from lab.run.forge import Resolution
from lab.run.schedule import ATTEMPTS
from lab.trace.files import storage_errors
from lab.trace.run_info import RUN_FILE, CellInfo, RunInfo, Skipped, UntilDecided
from lab.trace.store import Run, open_run


def create(
    scenario: Scenario,
    only: Settings,
    cells: Iterable[Cell],
    resolutions: dict[str, Resolution],
    out: Path,
    jobs: int = 1,
    until_decided: UntilDecided | None = None,
) -> Run:
    """A new directory under `out` with its index, and `out/latest` pointing to it. Raises StorageError."""
    now = datetime.datetime.now().astimezone()
    info = RunInfo(
        scenario=scenario.as_written(),
        source=scenario.source,
        overrides=scenario.overrides,
        only=only,
        seed=scenario.header.seed,
        repeat=scenario.header.repeat,
        jobs=jobs,
        started=now.isoformat(timespec="seconds"),
        cells=[_cell_info(cell, resolutions[cell.name]) for cell in cells],
        environment=describe(),
        until_decided=until_decided,
    )
    directory = new_directory(out, f"{scenario.header.name}-{now:%Y%m%d-%H%M%S}")
    run = Run(directory, info)
    save(run)
    point_latest(out, directory)
    return run


def reopen(path: Path) -> Run:
    """A run that is to be resumed. Raises UsageError for one that is finished."""
    run = open_run(path)
    if run.info.finished:
        raise UsageError(f"{path} is finished: there is nothing to resume")
    return run


def cells_of(run: Run) -> list[Cell]:
    """The cells of a stored run that are to be executed, as they were resolved then."""
    cells = []
    for info in run.info.cells:
        if info.skipped is None:
            try:
                spec = build(CellSpec, info.settings, f"{run.path / RUN_FILE}: cell {info.cell!r}")
            except ScenarioError as error:
                raise StorageError(f"{error}: this run was made by another version of the lab") from error
            cells.append(Cell(name=info.cell, axes=info.axes, spec=spec))
    return cells


def past_attempts(run: Run) -> dict[tuple[str, int], int]:
    """By (cell, slot), how many of its attempts are used up: all of them once one is valid. A broken one does not count."""
    past: dict[tuple[str, int], int] = {}
    for entry in run.info.repetitions:
        key = (entry.cell, entry.slot)
        if entry.valid:
            past[key] = ATTEMPTS
        elif entry.error is None:
            past[key] = past.get(key, 0) + 1
    return past


def save(run: Run) -> None:
    """Write the index. Raises StorageError."""
    run.info.save(run.path / RUN_FILE)


def _cell_info(cell: Cell, resolution: Resolution) -> CellInfo:
    missing = resolution.backend is None
    return CellInfo(
        cell=cell.name,
        axes=cell.axes,
        settings=cell.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        backend=resolution.backend,
        backend_reason=None if missing else resolution.reason,
        skipped=Skipped(reason=resolution.reason, remedy=resolution.remedy) if missing else None,
    )


def new_directory(out: Path, name: str) -> Path:
    """Make the directory of a run that begins now. Raises StorageError."""
    with storage_errors("make a directory for the run in", out):
        out.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            directory = out / (name if number == 1 else f"{name}-{number}")
            try:
                directory.mkdir()
            except FileExistsError:  # another run began in the same second
                number += 1
            else:
                return directory.resolve()


def point_latest(out: Path, directory: Path) -> None:
    """The link is replaced in one step, so that a reader finds one run or the other."""
    aside = out / f".latest.{directory.name}"
    with storage_errors("link", out / "latest"):
        aside.symlink_to(directory.name)
        aside.replace(out / "latest")
