"""Budgets: what a figure may be, in the words that k6 made familiar: `p(95)<120`, `avg<1.5`, `value==0`.

The rule: a name says what is counted. The *quantities* have one value for each chunk or stream (`ttfc_ms`); the *columns*
are those of summary.csv and have one value for each repetition, and `value` is the cell's own. Limits are in its unit.
"""

import operator
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BeforeValidator, PlainSerializer

from lab.model.base import Spec

# One value for each stream (ttfb, ttfc) or for each chunk.
QUANTITIES = ("ttfb_ms", "ttfc_ms", "gap_ms", "lateness_ms", "age_ms")
# Columns of summary.csv that say how well it went, not how much there was.
COLUMNS = (
    "ttfb_ms_p50", "ttfc_ms_p50", "ttfc_ms_p95", "gap_ms_p50", "gap_ms_p95", "gap_ms_p99", "gap_ms_max", "lateness_ms_p50",
    "lateness_ms_p99", "age_ms_p50", "chunks_per_read", "stall_ratio_60", "stall_ratio_100", "stall_ratio_200",
    "fluidity_index", "startup_buffer_ms", "emit_lag_ms_p99", "read_lag_ms_p99", "path_error_ms_p99", "ttfc_bias_ms_p50",
    "gap_jitter_ms_p99", "reconnects", "chunks_lost", "chunks_doubled",
)  # fmt: skip

Aggregate = Literal["avg", "min", "max", "med", "p", "value"]

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_RULE = re.compile(
    r"\s*(?:(avg|min|max|med|value)|p\(\s*(\d+(?:\.\d+)?)\s*\))\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)\s*"
)


class Rule(Spec):
    """One demand. `percent` is N of `p(N)`, else None; `limit` is in the unit of what is measured."""

    aggregate: Aggregate
    percent: float | None = None
    comparator: str
    limit: float

    def __str__(self) -> str:
        aggregate = f"p({_number(self.percent)})" if self.percent is not None else self.aggregate
        return f"{aggregate}{self.comparator}{_number(self.limit)}"


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def parse_rule(name: str, text: object) -> Rule:
    """`("ttfc_ms", "p(95)<120")`. Raises ValueError that says what is allowed."""
    if name not in QUANTITIES and name not in COLUMNS:
        known = f"per chunk or stream {', '.join(QUANTITIES)}; of summary.csv {', '.join(COLUMNS)}"
        raise ValueError(f"{name!r} is nothing that a budget can be set for: {known}")
    match = _RULE.fullmatch(text) if isinstance(text, str) else None
    if match is None or (match[2] and float(match[2]) > 100):
        raise ValueError(
            f"{name}: {text!r} is no budget: write avg, min, max, med, p(N) or value, one of {' '.join(OPERATORS)}, "
            "and a number, as in 'p(95)<120'"
        )
    if match[1] == "value" and name in QUANTITIES:
        raise ValueError(f"{name}: {text!r}: it has many values: ask for avg, min, max, med or p(N) of them")
    percent = float(match[2]) if match[2] else None
    found = {"aggregate": match[1] or "p", "percent": percent, "comparator": match[3], "limit": float(match[4])}
    return Rule.model_validate(found)


def parse_budget_option(text: str) -> tuple[str, Rule]:
    """`"ttfc_ms p(95)<120"`, as on the command line. Raises ValueError."""
    name, _, rule = text.strip().partition(" ")
    if not rule.strip():
        raise ValueError(f"{text!r} is no budget: write a name and a rule, as in 'ttfc_ms p(95)<120'")
    return name, parse_rule(name, rule)


Rules = dict[str, tuple[Rule, ...]]


def parse_budget(value: object) -> Rules:
    """The table `[budget]`: lists of rules by name. Raises ValueError, which is what pydantic collects."""
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004
            f'{value!r}: write a table, as in ttfc_ms = ["p(95)<120"]'
        )
    rules = {}
    for name, texts in value.items():
        if not isinstance(texts, list | tuple):
            raise ValueError(  # noqa: TRY004
                f'{name} = {texts!r}: write a list of budgets, as in ttfc_ms = ["p(95)<120"]'
            )
        rules[str(name)] = tuple(each if isinstance(each, Rule) else parse_rule(str(name), each) for each in texts)
    return rules


def format_budget(rules: Rules) -> dict[str, list[str]]:
    """The inverse of `parse_budget`."""
    return {name: [str(rule) for rule in each] for name, each in rules.items()}


Budget = Annotated[Rules, BeforeValidator(parse_budget), PlainSerializer(format_budget)]
