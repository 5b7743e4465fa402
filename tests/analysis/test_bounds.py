"""The bounds that budgets are checked against: drawn by repetition, and absent where too little was measured."""

import numpy as np
import pytest

from lab.analysis.arrays import Floats
from lab.analysis.bounds import FEWEST_REPETITIONS, Bounded, bounded, kept
from lab.model.budget import Rule, parse_rule

INSIDE, KNOWN, ONE_SIDED = Bounded(10.0, 8.0, 12.0), Bounded(10.0, 10.0, 10.0), Bounded(10.0, 8.0, None)

KEPT: dict[str, tuple[str, Bounded, str]] = {
    "all below": ("max<13", INSIDE, "ok"),
    "all above": ("max<7", INSIDE, "worse"),
    "between": ("max<10", INSIDE, "undecided"),
    "the limit at the upper bound, less": ("max<12", INSIDE, "undecided"),
    "the limit at the upper bound, at most": ("max<=12", INSIDE, "ok"),
    "the limit at the lower bound, less": ("max<8", INSIDE, "worse"),
    "the limit at the lower bound, at most": ("max<=8", INSIDE, "undecided"),
    "above": ("max>7", INSIDE, "ok"),
    "not above": ("max>=13", INSIDE, "worse"),
    "equal": ("max==10", KNOWN, "ok"),
    "equal and not": ("max==9", KNOWN, "worse"),
    "perhaps equal": ("max==10", INSIDE, "undecided"),
    "never equal": ("max==13", INSIDE, "worse"),
    "unequal": ("max!=13", INSIDE, "ok"),
    "unequal and not": ("max!=10", KNOWN, "worse"),
    "perhaps unequal": ("max!=10", INSIDE, "undecided"),
    "an open end can be anything": ("max<1000", ONE_SIDED, "undecided"),
    "an open end and all above": ("max<7", ONE_SIDED, "worse"),
    "nothing known": ("max<1000", Bounded(10.0, None, None), "undecided"),
}


@pytest.mark.parametrize(("rule", "figure", "verdict"), KEPT.values(), ids=KEPT)
def test_a_budget_is_kept_or_breached_by_the_whole_interval(rule: str, figure: Bounded, verdict: str) -> None:
    assert kept(parse_rule("gap_ms", rule), figure) == verdict


def _rule(text: str) -> Rule:
    return parse_rule("ttfc_ms", text)


def _samples(repetitions: int, each: int, seed: int = 1) -> list[Floats]:
    random = np.random.default_rng(seed)
    return [random.normal(100, 1, each) for _ in range(repetitions)]


KNOWN_BOUNDS: dict[str, tuple[str, int, int, tuple[bool, bool]]] = {
    "a mean of a few repetitions": ("avg<1", FEWEST_REPETITIONS - 1, 50, (False, False)),
    "a mean": ("avg<1", FEWEST_REPETITIONS, 1, (True, True)),
    "a median": ("med<1", 12, 1, (True, True)),
    "a p95 of twelve values": ("p(95)<1", 12, 1, (True, False)),
    "a p95 of sixty": ("p(95)<1", 12, 5, (True, True)),
    "a p99 of sixty": ("p(99)<1", 12, 5, (True, False)),
    "a p99 of three hundred": ("p(99)<1", 12, 25, (True, True)),
    "a p5 of twelve values": ("p(5)<1", 12, 1, (False, True)),
}


@pytest.mark.parametrize(("rule", "repetitions", "each", "known"), KNOWN_BOUNDS.values(), ids=KNOWN_BOUNDS)
def test_a_bound_that_so_few_values_cannot_give_is_none(
    rule: str, repetitions: int, each: int, known: tuple[bool, bool]
) -> None:
    found = bounded(_rule(rule), _samples(repetitions, each), family=1)
    assert found is not None
    assert (found.low is not None, found.high is not None) == known


def test_the_value_is_that_of_all_values_and_lies_within_its_bounds() -> None:
    samples = _samples(12, 25)
    for text, expected in (
        ("avg<1", np.mean(samples)),
        ("med<1", np.median(samples)),
        ("p(90)<1", np.quantile(np.concatenate(samples), 0.9)),
    ):
        found = bounded(_rule(text), samples, family=1)
        assert found is not None
        assert found.value == pytest.approx(expected)
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high


def test_a_maximum_that_was_seen_was_reached() -> None:
    assert bounded(_rule("max<1"), [np.array([1.0, 7.0])], family=1) == Bounded(7.0, 7.0, 7.0)
    assert bounded(_rule("min<1"), [np.array([1.0, 7.0])], family=1) == Bounded(1.0, 1.0, 1.0)


def test_chunks_of_one_repetition_share_its_fate() -> None:
    """Ten repetitions of a hundred equal values are ten values, not a thousand."""
    levels = np.arange(10.0)
    shared = bounded(_rule("avg<1"), [np.full(100, level) for level in levels], family=1)
    alone = bounded(_rule("avg<1"), [np.array([level]) for level in levels], family=1)
    assert shared == alone
    assert shared is not None
    assert shared.low is not None
    assert shared.high is not None
    assert shared.high - shared.low > 2


def test_more_budgets_have_wider_bounds() -> None:
    one, many = (bounded(_rule("avg<1"), _samples(12, 5), family) for family in (1, 20))
    assert one is not None
    assert many is not None
    assert one.high is not None
    assert many.high is not None
    assert many.high > one.high


def test_what_was_not_measured_has_no_figure() -> None:
    assert bounded(_rule("avg<1"), [], family=1) is None
    assert bounded(_rule("avg<1"), [np.array([np.nan]), np.array([])], family=1) is None
    found = bounded(_rule("avg<1"), [np.array([np.nan, 2.0])] * 6, family=1)
    assert found == Bounded(2.0, 2.0, 2.0)


def test_the_figure_of_the_cell_is_its_own_and_widens_the_bounds() -> None:
    found = bounded(parse_rule("chunks_per_read", "value<1"), [np.array([2.0])] * 6, family=1, pooled=2.5)
    assert found == Bounded(2.5, 2.0, 2.5)


MORE: dict[str, tuple[str, int, int, int | None]] = {
    "decided": ("avg<200", 12, 5, 0),
    "one repetition of a mean": ("avg<200", 1, 50, FEWEST_REPETITIONS - 1),
    "one repetition of ten for a p95: 59 values": ("p(95)<200", 1, 10, 5),
    "six repetitions of five for a p95: 59 values": ("p(95)<200", 6, 5, 6),
    "one of a p99: 299 values": ("p(99)<200", 1, 10, 29),
    "one of a p5 from below": ("p(5)>1", 1, 10, 5),
    "all of them": ("p(100)<200", 12, 5, None),
    "all of them, a limit that was passed": ("p(100)<50", 1, 5, FEWEST_REPETITIONS - 1),
}


@pytest.mark.parametrize(("rule", "repetitions", "each", "more"), MORE.values(), ids=MORE)
def test_undecided_says_how_many_more_would_decide(rule: str, repetitions: int, each: int, more: int | None) -> None:
    found = bounded(_rule(rule), _samples(repetitions, each), family=1)
    assert found is not None
    assert found.more == more


def test_a_limit_within_the_bounds_takes_more_the_closer_it_is() -> None:
    samples = _samples(12, 1)
    value = float(np.mean(samples))
    far, near, on_it = (bounded(_rule(f"avg<{value + by:.9f}"), samples, family=1) for by in (0.2, 0.1, 1e-6))
    assert far is not None
    assert near is not None
    assert on_it is not None
    assert far.more is not None
    assert near.more is not None
    assert 0 < far.more < near.more
    assert on_it.more is None
