"""What a test does with the lab: run a scenario against its own application, or compare two values of an axis.

The rule: a call returns only when all that was asked has been measured and kept; else it ends the test with the reason. Its
processes are forked by a forge of its own, which inherits the test's environment and working directory, and never by pytest.
"""

import importlib.util
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lab import session
from lab.analysis.bounds import FEWEST_REPETITIONS
from lab.errors import CapabilityError, LabError, UsageError
from lab.gate import until
from lab.gate.budgets import asked
from lab.gate.check import DEFAULT_METRICS, Wishes, check
from lab.gate.figures import Figures
from lab.model.budget import COLUMNS
from lab.model.matrix import expand, written
from lab.model.scenario import Scenario, read_document
from lab.model.units import NS_PER_S, parse_duration
from lab.run import catalogue
from lab.run.forge import forges
from lab.run.outcome import require_all
from lab.run.progress import PlainLines
from lab.testing.judgement import Judgement, judge
from lab.trace.run_info import UntilDecided
from lab.trace.store import Run

_UVICORN = "{{python}} -m uvicorn {app} --app-dir {root} --host {{host}} --port {{port}} --log-level warning"
# As many as a comparison needs on a quiet machine.
_PAIRS = 12

ScenarioLike = Mapping[str, Any] | str | os.PathLike[str]
"""The tables of a scenario as a mapping, a TOML file (from pytest's root directory), or the name of one that is shipped."""


class Measured:
    """A run that was measured and has kept its budgets. `directory` is where it is stored."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self.directory = figures.run.path

    def figure(self, column: str, cell: str = "") -> float:
        """Return a column of summary.csv, in its unit; `cell` may be left out when there is one. Fails if not measured."""
        cells = [each.cell for each in self._figures.run.info.cells]
        if column not in COLUMNS:
            _fail(f"figure({column!r}): no such figure: there are {', '.join(COLUMNS)}")
        if cell not in cells and (cell or len(cells) != 1):
            _fail(f"figure({column!r}, cell={cell!r}): name a cell: there are {', '.join(cells)}")
        cell = cell or cells[0]
        value = self._figures.pooled(cell, column)
        if value is None:
            _fail(f"{column} was not measured in {cell}\nrun: {self.directory}")
        return value


class Lab:
    """The fixture. `runs` are the directories of what was measured, in order."""

    def __init__(self, root: Path, out: Path, name: str, budgets: Sequence[str], tell: Callable[[Path], None]) -> None:
        self._root, self._out, self._name, self._budgets, self._tell = root, out, name, tuple(budgets), tell
        self.runs: list[Path] = []

    def run(
        self,
        scenario: ScenarioLike | None = None,
        *,
        app: str = "",
        command: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> Measured:
        """Measure every cell of `scenario`, and its budgets and the marker's.

        `app`: "module:app", served by uvicorn; `command`: any server, with {host} and {port}; neither: as the scenario says.
        `settings` override keys in every cell, as `--set` does: `{"path": "wifi", "scenario.repeat": 12}`. A mapping that
        does not say otherwise is repeated six times, the fewest with which a budget can be decided. Of an application that
        speaks OpenAI's frames say `"workload": {"format": "openai"}`, so that the role's frame is no chunk.
        """
        overrides = self._overrides(app, command, settings)
        return self._measured(scenario or {}, overrides, FEWEST_REPETITIONS, Wishes(budgets=self._budgets), "")

    def compare(
        self,
        scenario: ScenarioLike,
        *,
        axis: str,
        base: object,
        metrics: Sequence[str] = DEFAULT_METRICS,
        max_time: str = "",
        app: str = "",
        command: str = "",
        settings: Mapping[str, Any] | None = None,
    ) -> Measured:
        """Measure, and fail where another value of `axis` is worse than `base`, or where that is undecided.

        With `max_time`, as in "2min", repetitions are added for so long until all is decided. A mapping that does not say
        otherwise begins with twelve. The rest is as for `run`.
        """
        overrides = self._overrides(app, command, settings)
        wishes = Wishes(axis=axis, base=written(base), metrics=tuple(metrics), budgets=self._budgets)
        return self._measured(scenario, overrides, _PAIRS, wishes, max_time)

    def _overrides(self, app: str, command: str, settings: Mapping[str, Any] | None) -> dict[str, Any]:
        if app and command:
            _fail(f"app = {app!r} and command = {command!r}: one server is started: leave one of them out")
        if app and importlib.util.find_spec("uvicorn") is None:
            _lack("needs uvicorn: app = … is served by it. Install uvicorn, or give a command.")
        if app:
            command = _UVICORN.format(app=shlex.quote(app), root=shlex.quote(str(self._root)))
        return ({"server.command": command} if command else {}) | dict(settings or {})

    def _measured(
        self, scenario: ScenarioLike, overrides: dict[str, Any], repeat: int, wishes: Wishes, max_time: str
    ) -> Measured:
        try:
            plan = self._plan(scenario, overrides, repeat)
            figures = Figures(self._execute(plan, wishes, max_time))
            info = figures.run.info
            anything = wishes.axis or asked(info, wishes.budgets)
            judgement = judge(info, check(figures, wishes) if anything else None)
        except CapabilityError as error:
            _lack(f"needs {error}")
        except LabError as error:
            _fail(str(error))
        _conclude(judgement, figures.run.path)
        return Measured(figures)

    def _plan(self, scenario: ScenarioLike, overrides: dict[str, Any], repeat: int) -> session.Plan:
        made = self._read(scenario, overrides, repeat)
        return session.Plan(made, {}, expand(made))

    def _read(self, scenario: ScenarioLike, overrides: dict[str, Any], repeat: int) -> Scenario:
        if not isinstance(scenario, Mapping):
            path = self._root / scenario
            return catalogue.load(str(path if path.is_file() else scenario), overrides)
        header = scenario.get("scenario", {})
        if isinstance(header, Mapping):
            header = {"repeat": repeat, **header}
        return read_document({**scenario, "scenario": header}, self._name, self._name, overrides)

    def _execute(self, plan: session.Plan, wishes: Wishes, max_time: str) -> Run:
        wish = UntilDecided(axis=wishes.axis, base=wishes.base, max_time_s=_seconds(max_time)) if wishes.axis else None
        if wish is not None:
            until.refuse_unless_comparable(plan.cells, wish)
        with forges(1) as warm:
            run = session.create(plan, self._out, warm, wish=wish if max_time else None)
            self.runs.append(run.path)
            self._tell(run.path)
            session.measure(run, warm, PlainLines())
        return run


def _seconds(max_time: str) -> float:
    try:
        return parse_duration(max_time) / NS_PER_S if max_time else 0.0
    except ValueError as error:
        raise UsageError(f"max_time: {error}") from error


def _conclude(judgement: Judgement, directory: Path) -> None:
    """End the test, unless all was measured and kept."""
    where = f"run: {directory}"
    if judgement.failures:
        _fail("\n".join([*judgement.failures, where]))
    if judgement.lacking:
        _lack("; ".join([*judgement.lacking, where]))


def _fail(message: str) -> NoReturn:
    pytest.fail(message, pytrace=False)


def _lack(message: str) -> NoReturn:
    """As everywhere in the lab: a capability that is missing skips by name, and fails where nothing may be skipped."""
    if require_all():
        _fail(message)
    pytest.skip(message)
