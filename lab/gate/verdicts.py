"""What a check found: comparisons and budgets with their verdicts, and the one verdict and exit code of all of them.

The rule: worse beats invalid beats undecided beats the rest, and what could not be judged is never counted as fine.
"""

from dataclasses import dataclass
from typing import Literal

from lab.analysis.bounds import Bounded
from lab.analysis.comparison import Comparison, Floor
from lab.gate.settings import Axes
from lab.model.budget import Rule

Verdict = Literal["better", "same", "worse", "undecided", "invalid"]
Kept = Literal["ok", "worse", "undecided", "invalid"]

FINE, WORSE, NOT_DECIDED = 0, 1, 3
# From the gravest; what is not here is fine.
_GRAVITY: tuple[Verdict, ...] = ("worse", "invalid", "undecided")


@dataclass(frozen=True)
class Compared:
    """One metric of two cells. `found` is None where nothing could be compared, and `reason` says why.

    `base`, `head`: the paired figures in the order of their repetitions.
    """

    cell: str
    base_cell: str
    axes: Axes
    metric: str
    floor: Floor
    base: tuple[float, ...]
    head: tuple[float, ...]
    found: Comparison | None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Its own, or "invalid"."""
        return self.found.verdict if self.found else "invalid"


@dataclass(frozen=True)
class Budgeted:
    """One rule for one cell. `found` is None where nothing was measured, and `reason` says why."""

    cell: str
    metric: str
    rule: Rule
    found: Bounded | None
    verdict: Kept
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """Everything that was found. `against` says in words what the run was compared to; `notes` are for people.

    `problems`: what keeps the run as a whole from being a measurement.
    """

    run: str
    against: str
    compared: tuple[Compared, ...]
    budgets: tuple[Budgeted, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest of all; better when one is better and none is grave."""
        found: set[str] = {*(each.verdict for each in self.compared), *(each.verdict for each in self.budgets)}
        if self.problems:
            found.add("invalid")
        for grave in _GRAVITY:
            if grave in found:
                return grave
        return "better" if "better" in found else "same"

    @property
    def exit_code(self) -> int:
        """As in the contract."""
        return {"worse": WORSE, "invalid": NOT_DECIDED, "undecided": NOT_DECIDED}.get(self.verdict, FINE)
