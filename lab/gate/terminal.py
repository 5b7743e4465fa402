"""A check in the terminal: a table of the comparisons, one of the budgets, and the verdict."""

from collections.abc import Iterator

from rich.table import Table

from lab.gate import wording
from lab.gate.verdicts import Check

_STYLES = {"worse": "bold red", "undecided": "yellow", "invalid": "yellow", "better": "green"}


def tables(check: Check) -> Iterator[Table]:
    """For a rich console."""
    if check.compared:
        yield _comparisons(check)
    if check.budgets:
        yield _budgets(check)


def _table(*titles: str) -> Table:
    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(
            title, justify="left" if title in ("cell", "metric", "budget", "verdict", "pairs") else "right"
        )
    return table


def _comparisons(check: Check) -> Table:
    table = _table("cell", "metric", "base", "head", "change", "90 % interval", "pairs", "verdict")
    for each in check.compared:
        medians = (each.found.base, each.found.head) if each.found else (None, None)
        figures = (wording.figure(each.metric, value) for value in medians)
        said = (wording.change(each), wording.span(each), wording.sparkline(each), wording.remark(each))
        table.add_row(each.cell, each.metric, *figures, *said, style=_STYLES.get(each.verdict))
    return table


def _budgets(check: Check) -> Table:
    table = _table("cell", "budget", "value", "bounds", "verdict")
    for each in check.budgets:
        value = wording.figure(each.metric, each.found.value if each.found else None)
        row = (each.cell, f"{each.metric} {each.rule}", value, wording.budget_bounds(each), wording.budget_remark(each))
        table.add_row(*row, style=_STYLES.get(each.verdict))
    return table
