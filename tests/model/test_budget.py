"""Budgets in k6's words: what is read, what is refused, and that what is written reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.metrics import METRIC_DOCS
from lab.model.budget import (
    COLUMNS,
    OPERATORS,
    QUANTITIES,
    Rule,
    format_budget,
    parse_budget,
    parse_budget_option,
    parse_rule,
)

RULES: dict[str, tuple[str, str, Rule]] = {
    "a percentile": ("ttfc_ms", "p(95)<120", Rule(aggregate="p", percent=95.0, comparator="<", limit=120.0)),
    "a fine percentile": ("gap_ms", "p(99.9)<=80.5", Rule(aggregate="p", percent=99.9, comparator="<=", limit=80.5)),
    "with spaces": ("ttfc_ms", " p( 95 ) < 120 ", Rule(aggregate="p", percent=95.0, comparator="<", limit=120.0)),
    "a mean": ("chunks_per_read", "avg<1.5", Rule(aggregate="avg", comparator="<", limit=1.5)),
    "a median": ("age_ms", "med<5", Rule(aggregate="med", comparator="<", limit=5.0)),
    "the least": ("lateness_ms", "min>=-1", Rule(aggregate="min", comparator=">=", limit=-1.0)),
    "the largest": ("gap_ms", "max<200", Rule(aggregate="max", comparator="<", limit=200.0)),
    "a column's value": ("stall_ratio_100", "value==0", Rule(aggregate="value", comparator="==", limit=0.0)),
    "not": ("fluidity_index", "value!=0", Rule(aggregate="value", comparator="!=", limit=0.0)),
}


@pytest.mark.parametrize(("name", "text", "rule"), RULES.values(), ids=RULES)
def test_what_is_read(name: str, text: str, rule: Rule) -> None:
    assert parse_rule(name, text) == rule
    assert parse_rule(name, str(rule)) == rule
    assert parse_budget_option(f"{name} {text}") == (name, rule)


REFUSED: dict[str, tuple[str, list[str]]] = {
    "no name": ("p(95)<120", ["is no budget", "ttfc_ms p(95)<120"]),
    "nothing": ("", ["is no budget"]),
    "an unknown name": (
        "ttfc p(95)<120",
        ["'ttfc' is nothing that a budget can be set for", "ttfc_ms", "chunks_per_read"],
    ),
    "a count": ("chunks value==5", ["'chunks' is nothing"]),
    "a name with a slip": ("ttfc_msx p(95)<120", ["'ttfc_msx' is nothing"]),
    "p95": ("ttfc_ms p95<120", ["'p95<120' is no budget", "p(N)"]),
    "no operator": ("ttfc_ms p(95)", ["is no budget", "<= "]),
    "k6's other equal": ("ttfc_ms p(95)===120", ["is no budget"]),
    "a unit": ("ttfc_ms p(95)<120ms", ["is no budget", "a number"]),
    "beyond all": ("ttfc_ms p(101)<120", ["is no budget"]),
    "the value of many": ("ttfc_ms value<120", ["it has many values", "p(N)"]),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_and_why(text: str, said: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        parse_budget_option(text)
    assert [part for part in said if part not in str(caught.value)] == [], str(caught.value)


rules = st.builds(
    Rule,
    aggregate=st.sampled_from(["avg", "min", "max", "med"]),
    comparator=st.sampled_from(list(OPERATORS)),
    limit=st.integers(-(10**6), 10**6).map(lambda thousandths: thousandths / 1000),
) | st.builds(
    Rule,
    aggregate=st.just("p"),
    percent=st.integers(0, 1000).map(lambda tenths: tenths / 10),
    comparator=st.sampled_from(list(OPERATORS)),
    limit=st.integers(0, 10**6).map(float),
)


@given(st.dictionaries(st.sampled_from([*QUANTITIES, *COLUMNS]), st.lists(rules, max_size=3).map(tuple)))
def test_a_table_of_budgets_reads_back_as_itself(budget: dict[str, tuple[Rule, ...]]) -> None:
    assert parse_budget(format_budget(budget)) == budget
    assert parse_budget(budget) == budget


def test_the_columns_are_those_of_the_summary_that_are_figures() -> None:
    assert [name for name in METRIC_DOCS if name not in ("streams", "chunks")] == list(COLUMNS)
