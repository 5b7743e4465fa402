"""A check as JSON, exactly as the contract has it; null is what was not measured or is not known."""

from pydantic import JsonValue

from lab.gate.verdicts import Budgeted, Check, Compared


def document(check: Check) -> dict[str, JsonValue]:
    """`low` and `high` are the ends of the 90 % interval of `ratio`, and of a budget's value its bounds."""
    return {
        "verdict": check.verdict,
        "comparisons": [_comparison(each) for each in check.compared],
        "budgets": [_budget(each) for each in check.budgets],
    }


def _comparison(each: Compared) -> JsonValue:
    found = each.found
    figures = ("base", "head", "ratio", "low", "high")
    return {
        "cell": each.cell,
        "axes": dict(each.axes),
        "metric": each.metric,
        **{name: getattr(found, name) if found else None for name in figures},
        "verdict": each.verdict,
    }


def _budget(each: Budgeted) -> JsonValue:
    found = each.found
    return {
        "cell": each.cell,
        "metric": each.metric,
        "rule": str(each.rule),
        **{name: getattr(found, name) if found else None for name in ("value", "low", "high")},
        "verdict": each.verdict,
    }
