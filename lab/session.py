"""A run from its first word to its last: plan, execute, report, tell. What `lab run` and `lab report` do, in order.

The rule: what was measured is on disk before anything is drawn, and an interruption says how to go on.
"""

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table

from lab.errors import LabError
from lab.gate import until
from lab.gate.figures import Figures
from lab.model.matrix import Cell, axis_keys, expand
from lab.model.scenario import Scenario
from lab.run import catalogue, outcome, runs
from lab.run.calibration import memory
from lab.run.forge import Forge, forges
from lab.run.matrix import execute, resolve_paths
from lab.run.progress import Watcher, watcher
from lab.run.repetition import streaming_s
from lab.trace.run_info import UntilDecided
from lab.trace.store import Run, open_run

# Wide enough for the matrix wherever the output goes to a file or a CI log.
_PLAIN_WIDTH = 160


@dataclass(frozen=True)
class Plan:
    """A checked scenario and its cells."""

    scenario: Scenario
    only: dict[str, Any]
    cells: list[Cell]

    def streaming_s(self) -> float:
        """How long all of it streams."""
        seed = str(self.scenario.header.seed)
        return self.scenario.header.repeat * sum(streaming_s(cell.spec, seed) for cell in self.cells)


def plan(wanted: str, overrides: dict[str, Any], only: dict[str, Any]) -> Plan:
    """Raises UsageError or ScenarioError for whatever cannot be run."""
    scenario = catalogue.load(wanted, overrides)
    return Plan(scenario, only, expand(scenario, only))


def describe(made: Plan) -> int:
    """Say what would run."""
    keys = axis_keys(made.cells)
    table = Table(show_edge=False, pad_edge=False)
    for title in ("cell", *keys):
        table.add_column(title)
    for cell in made.cells:
        table.add_row(cell.name, *(str(cell.axes.get(key, "")) for key in keys))
    _stdout().print(table)
    repeat = made.scenario.header.repeat
    print(f"{len(made.cells)} cells × {repeat} repetitions, about {made.streaming_s():.0f} s of streaming")
    return 0


def start(made: Plan, out: Path, jobs: int, wish: UntilDecided | None = None) -> int:
    """Run it into a new directory under `out`, `jobs` repetitions at a time, and go on until `wish` is met.

    Raises UsageError for a wish that cannot be met, and for more jobs than this machine bears.
    """
    memory.require(jobs)
    if wish is not None:
        until.refuse_unless_comparable(made.cells, wish)
    with forges(jobs) as warm:
        return _execute(create(made, out, warm, wish), warm)


def create(made: Plan, out: Path, warm: Sequence[Forge], wish: UntilDecided | None = None) -> Run:
    """The new directory of a run, resolved for this machine and not yet begun. Raises StorageError, ForgeEnded."""
    resolutions = resolve_paths(warm[0], made.cells)
    return runs.create(made.scenario, made.only, made.cells, resolutions, out, len(warm), wish)


def resume(path: Path) -> int:
    """Go on with a run that was interrupted, as many at a time as it had."""
    run = runs.reopen(path)
    with forges(run.info.jobs) as warm:
        return _execute(run, warm)


def report(path: Path) -> int:
    """Everything that is derived from the trace, again."""
    return _tell(open_run(path))


def _execute(run: Run, warm: list[Forge]) -> int:
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with watcher() as watching:
            measure(run, warm, watching)
    except (KeyboardInterrupt, LabError):
        _say_how_to_go_on(run)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    return _tell(run)


def measure(run: Run, warm: Sequence[Forge], watching: Watcher) -> None:
    """The planned matrix, and whatever it takes beyond it until the gate can decide or the time is over."""
    wish = run.info.until_decided
    if wish is None:
        execute(run, warm, watching)
        return
    begun_s = time.monotonic() - wish.spent_s
    figures = Figures(run)
    try:
        execute(run, warm, watching)
        while not wish.over:
            wish.spent_s = time.monotonic() - begun_s
            watching.note(until.extend(figures, wish))
            execute(run, warm, watching)
    finally:
        wish.spent_s = time.monotonic() - begun_s
        runs.save(run)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM is a person's Ctrl-C sent by a program."""
    raise KeyboardInterrupt


def _say_how_to_go_on(run: Run) -> None:
    status = run.info.status
    print(f"lab: {status.filled} of {status.planned} repetitions are kept in {run.path}", file=sys.stderr)
    print(f"lab: go on with: lab run --resume {run.path}", file=sys.stderr)


def _tell(run: Run) -> int:
    """Report, print, and answer with the exit code."""
    from lab.analysis.summary import summarise
    from lab.report.build import build_report
    from lab.report.endings import endings
    from lab.report.terminal import table

    print("lab: drawing charts and report", file=sys.stderr)
    report_path = build_report(run)
    _stdout().print(table(summarise(run)))
    for problem in outcome.problems(run.info):
        print(f"lab: {problem}", file=sys.stderr)
    measured = {entry.cell for entry in run.info.repetitions if entry.valid}  # of the others all has been said
    for ending in endings(run.table("streams")):
        if ending.broke and ending.cell in measured:
            print(f"lab: {ending.in_words()}", file=sys.stderr)
    print(f"lab: report: {report_path}", file=sys.stderr)
    print(run.path)
    return outcome.exit_code(run.info)


def _stdout() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
