"""From a finished run and its check to what a test's outcome must say. Pure.

The rule: a line for everything that is not fine, and what this machine cannot apply stands apart, because it says nothing
about the application.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lab.analysis import words
from lab.gate import wording
from lab.gate.verdicts import Check
from lab.run import outcome
from lab.trace.run_info import RunInfo

_FINE = ("ok", "same", "better")
# An application that does not start fails alike in every repetition.
_SAID = 2


class Judgement(NamedTuple):
    """`failures`: why the test fails; `lacking`: what was not measured here, and the remedy."""

    failures: tuple[str, ...]
    lacking: tuple[str, ...]


def judge(info: RunInfo, check: Check | None) -> Judgement:
    """`check` is None where nothing was to be checked."""
    skipped = {cell.cell: cell.skipped for cell in info.cells if cell.skipped}
    if outcome.exit_code(info) != outcome.MEASURED:
        problems = [f"not a measurement: {problem}" for problem in outcome.problems(info)]
        rest = [f"and {words.count(len(problems) - _SAID, 'more problem')}"] if len(problems) > _SAID else []
        return Judgement((*problems[:_SAID], *rest), ())
    lacking = tuple(f"needs {cell}: {each.reason}. {each.remedy}" for cell, each in skipped.items())
    return Judgement(tuple(_failures(check, set(skipped))) if check else (), lacking)


def _failures(check: Check, skipped: set[str]) -> Iterator[str]:
    for compared in check.compared:
        if compared.verdict not in _FINE and not skipped & {compared.cell, compared.base_cell}:
            yield f"{compared.cell} against {compared.base_cell}: {wording.sentence(compared)}"
    for budget in check.budgets:
        if budget.verdict not in _FINE and budget.cell not in skipped:
            breached = "breached: " if budget.verdict == "worse" else ""
            yield f"{breached}{budget.cell}: {wording.budget_sentence(budget)}"
    yield from (f"not a measurement: {problem}" for problem in check.problems)
