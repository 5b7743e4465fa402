"""The verdict on two sides: what it must say where the truth is plain, and how often it errs where it is hidden in noise.

The simulations know the truth. Their bounds are of the binomial: a test fails when the count could not be, at 1 in 1000, if
the rate were what is promised. `make bench` prints the whole table (tests/benchmarks/test_gate_simulation.py).
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.comparison import Comparison, Floor, compare, floor_of
from tests.analysis.noise import CALM, CELLS, PAIRS, Noise, checks, until_decided

STEADY = [100.0 + 0.1 * (n % 3) for n in range(12)]


def _shifted(by: float, factor: float = 1.0) -> list[float]:
    """As steady, but not in step: pairs differ by up to 0.2."""
    return [factor * (100.0 + 0.1 * ((n + 1) % 3)) + by for n in range(12)]


PLAIN: dict[str, tuple[list[float], list[float], str]] = {
    "the same": (STEADY, _shifted(0), "same"),
    "a tenth more": (STEADY, _shifted(0, 1.1), "worse"),
    "a tenth less": (STEADY, _shifted(0, 0.9), "better"),
    "4 % more: below the relative floor": (STEADY, _shifted(4), "same"),
    "half as much again of half a millisecond: below the absolute floor": ([0.5] * 12, [0.75] * 12, "same"),
    "just on the floor": (STEADY, _shifted(0, 1.05), "undecided"),
    "noise as large as the figure": ([10, 100] * 6, [100, 10] * 6, "undecided"),
    "one repetition": ([100.0], [140.0], "undecided"),
    "one repetition, alike": ([100.0], [100.0], "undecided"),
    "four repetitions, alike": (STEADY[:4], _shifted(0)[:4], "undecided"),
    "seven repetitions, much worse": (STEADY[:7], _shifted(40)[:7], "undecided"),
    "eight repetitions, much worse": (STEADY[:8], _shifted(40)[:8], "worse"),
    "one wild pair among twelve": (STEADY, [*_shifted(0)[:11], 900.0], "same"),
    "worse, and one wild pair the other way": ([*STEADY[:11], 900.0], _shifted(20), "worse"),
    "nothing and nothing": ([0.0] * 12, [0.0] * 12, "same"),
    "something where nothing was": ([0.0] * 12, [5.0 + n for n in range(12)], "worse"),
    "nothing where something was": ([5.0 + n for n in range(12)], [0.0] * 12, "better"),
}


@pytest.mark.parametrize(("base", "head", "verdict"), PLAIN.values(), ids=PLAIN)
def test_where_the_truth_is_plain(base: list[float], head: list[float], verdict: str) -> None:
    assert compare(base, head, Floor(), family=5).verdict == verdict


def test_the_figures_are_those_of_the_sides() -> None:
    found = compare(STEADY, _shifted(0, 1.1), Floor(), family=5)
    assert (found.pairs, found.more) == (12, 0)
    assert (found.base, found.head) == pytest.approx((100.1, 110.11))
    assert found.ratio == pytest.approx(1.1, abs=1e-3)
    assert found.ratio is not None
    assert found.low is not None
    assert found.high is not None
    assert 1.09 < found.low <= found.ratio <= found.high < 1.11
    assert found.difference == pytest.approx(10.0, abs=0.1)


def test_where_a_figure_is_zero_only_differences_are_judged() -> None:
    found = compare([0.0] * 12, [0.02] * 12, floor_of("stall_ratio_100"), family=5)
    assert (found.verdict, found.ratio, found.low, found.high) == ("worse", None, None, None)
    assert compare([0.0] * 12, [0.005] * 12, floor_of("stall_ratio_100"), family=5).verdict == "same"


def test_more_of_what_is_better_is_better() -> None:
    low, high = [0.8] * 12, [0.95] * 12
    assert compare(low, high, floor_of("fluidity_index"), family=5).verdict == "better"
    assert compare(high, low, floor_of("fluidity_index"), family=5).verdict == "worse"
    assert compare(high, low, floor_of("stall_ratio_60"), family=5).verdict == "better"


figures = st.lists(st.integers(1, 10**6).map(lambda n: n / 1000), min_size=8, max_size=12)
MIRROR = {"better": "worse", "worse": "better"}


@given(figures, figures)
def test_the_sides_turned_round_turn_the_verdict_round(base: list[float], head: list[float]) -> None:
    pairs = min(len(base), len(head))
    there, back = (
        compare(*sides, Floor(), 5) for sides in ((base[:pairs], head[:pairs]), (head[:pairs], base[:pairs]))
    )
    assert back.verdict == MIRROR.get(there.verdict, there.verdict)
    assert back.more == there.more
    assert back.difference == pytest.approx(-there.difference, abs=1e-5)


@given(figures, st.integers(1, 40))
def test_more_comparisons_never_make_a_change_surer(base: list[float], family: int) -> None:
    head = [1.08 * value + (0.5 if n % 2 else -0.3) for n, value in enumerate(base)]
    one, many = compare(base, head, Floor(), 1).verdict, compare(base, head, Floor(), family).verdict
    assert many == one or (one in ("worse", "better") and many == "undecided")


MORE: dict[str, tuple[list[float], list[float], int | None]] = {
    "nothing can be refused with three pairs": (STEADY[:3], _shifted(40)[:3], 5),
    "nothing can be called alike with three pairs": (STEADY[:3], _shifted(0)[:3], 2),
    "exactly on the floor no number would do": (STEADY, _shifted(0, 1.05), None),
}


@pytest.mark.parametrize(("base", "head", "more"), MORE.values(), ids=MORE)
def test_how_many_more_would_decide(base: list[float], head: list[float], more: int | None) -> None:
    assert compare(base, head, Floor(), family=5).more == more


def test_the_estimate_of_what_is_needed_holds_more_often_than_not() -> None:
    """Of those undecided at eight pairs: with as many more as were said to be needed most are decided."""
    random = np.random.default_rng(11)
    decided = []
    for _ in range(120):
        base, head = random.normal(60, 2.0, 24).tolist(), random.normal(60, 2.0, 24).tolist()
        first = compare(base[:8], head[:8], Floor(), family=1)
        if first.verdict == "undecided" and first.more is not None and first.more <= 16:
            decided.append(compare(base[: 8 + first.more], head[: 8 + first.more], Floor(), 1).verdict != "undecided")
    assert len(decided) > 15
    assert sum(decided) / len(decided) > 0.5


# ---- Simulations


def _at_most(count: int, total: int, rate: float) -> bool:
    """Whether `count` of `total` could be, at 1 in 1000, when the rate is `rate`."""
    tail = sum(math.comb(total, k) * rate**k * (1 - rate) ** (total - k) for k in range(count, total + 1))
    return tail > 0.001


IDENTICAL = 40


@pytest.mark.parametrize("noise", CALM.values(), ids=CALM)
def test_identical_code_is_the_same_and_is_hardly_ever_called_worse(noise: Noise) -> None:
    """False "worse" in at most 1 % of whole checks of five cells, undecided in at most 5 %."""
    verdicts = checks(noise, effect_ms=0.0, count=IDENTICAL, seed=1)
    assert _at_most(verdicts.count("worse"), IDENTICAL, 0.01)
    assert _at_most(verdicts.count("undecided"), IDENTICAL, 0.05)


LOUD = {
    "noise of a tenth of the figure": Noise("normal", 60.0, 6.0),
    "heavy tails of a tenth of the figure": Noise("heavy", 60.0, 6.0),
    "noise as large as the figure": Noise("heavy", 20.0, 20.0),
}


@pytest.mark.parametrize("noise", LOUD.values(), ids=LOUD)
def test_however_loud_the_machine_identical_code_is_not_called_worse(noise: Noise) -> None:
    """At most 2.5 % whatever the noise, by construction; then it is undecided, and says so."""
    verdicts = checks(noise, effect_ms=0.0, count=30, seed=2)
    assert _at_most(verdicts.count("worse"), 30, 0.025)
    assert verdicts.count("undecided") > 15


@pytest.mark.parametrize("noise", CALM.values(), ids=CALM)
def test_a_regression_of_a_tenth_and_two_milliseconds_is_found(noise: Noise) -> None:
    """In at least 95 % of checks with twelve pairs: here in one of five cells."""
    effect_ms = max(0.1 * noise.base_ms, 2.0)
    verdicts = checks(noise, effect_ms, count=24, seed=3)
    assert _at_most(24 - verdicts.count("worse"), 24, 0.05)


def test_looking_again_until_it_is_decided_does_not_find_what_is_not_there() -> None:
    """Up to four looks, at 12, 16, 24 and 40 pairs, on a machine too loud for twelve."""
    verdicts = [until_decided(Noise("heavy", 60.0, 1.5), seed) for seed in range(24)]
    assert _at_most(verdicts.count("worse"), 24, 0.01)
    assert verdicts.count("undecided") < 8


def test_the_simulations_look_at_five_cells_of_twelve_pairs() -> None:
    assert (CELLS, PAIRS) == (5, 12)
    assert isinstance(compare([1.0] * PAIRS, [1.0] * PAIRS, Floor(), CELLS), Comparison)
