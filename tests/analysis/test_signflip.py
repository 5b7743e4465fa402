"""The sign-flip test and its interval: exact by enumeration, and equal to what it must be in cases one can do by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.arrays import Floats
from lab.analysis.signflip import interval, pairs_to_refuse, tail

differences = st.lists(st.integers(-1000, 1000).map(lambda n: n / 64), min_size=1, max_size=8).map(np.array)


@given(differences, st.integers(-64, 64).map(lambda n: n / 16))
def test_the_tail_counts_the_choices_of_signs_that_lie_as_far_out(values: Floats, theta: float) -> None:
    scores = np.clip((values - theta) / 4.0, -1, 1)
    seen = scores.sum()
    sums = [float(np.dot(signs, scores)) for signs in itertools.product((1, -1), repeat=len(scores))]
    expected = sum(each >= seen - 1e-9 for each in sums) / len(sums)
    assert tail(values, 4.0, theta) == pytest.approx(expected)


@given(differences, st.sampled_from([0.005, 0.05, 0.2]))
def test_the_interval_ends_where_the_test_begins_to_refuse(values: Floats, alpha: float) -> None:
    found = interval(values, 4.0, alpha)
    if len(values) < pairs_to_refuse(alpha):
        assert (found.low, found.high) == (-np.inf, np.inf)
        return
    assert found.low <= found.estimate <= found.high
    nearly = 1e-5
    assert tail(values, 4.0, found.low + nearly) > alpha
    assert tail(values, 4.0, found.low - nearly) <= alpha
    assert tail(-values, 4.0, -found.high + nearly) > alpha
    assert tail(-values, 4.0, -found.high - nearly) <= alpha


@given(differences, st.integers(-64, 64))
def test_moving_or_turning_all_differences_moves_or_turns_the_interval(values: Floats, move: int) -> None:
    found, moved, turned = (interval(each, 4.0, 0.05) for each in (values, values + move, -values))
    assert moved.estimate == pytest.approx(found.estimate + move, abs=2e-5)
    assert moved.low == pytest.approx(found.low + move, abs=2e-5)
    assert turned.estimate == pytest.approx(-found.estimate, abs=2e-5)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=2e-5)


def test_within_the_width_the_estimate_is_the_mean_and_far_beyond_it_the_median() -> None:
    near = np.array([0.0, 1.0, 2.0, 5.0])
    assert interval(near, 100.0, 0.05).estimate == pytest.approx(2.0, abs=1e-3)
    far = np.array([0.0, 1000.0, 2000.0, 3000.0, 90_000.0])
    assert interval(far, 1.0, 0.05).estimate == pytest.approx(2000.0, abs=1e-3)


def test_one_wild_pair_of_twelve_does_not_hide_a_change_and_two_do() -> None:
    """Twelve pairs at 0.5 % a side: 20 of 4096 choices of signs are few enough, and one pair against eleven leaves 13."""
    steady = np.full(12, 10.0) + np.linspace(-0.2, 0.2, 12)
    one, two = steady.copy(), steady.copy()
    one[3], two[3], two[8] = -500.0, -500.0, -500.0
    assert interval(one, 1.0, 0.005).low > 5
    assert interval(two, 1.0, 0.005).low < 0


FEWEST = {0.5: 1, 0.05: 5, 0.025: 6, 0.005: 8, 0.025 / 20: 10}


@pytest.mark.parametrize(("alpha", "pairs"), FEWEST.items())
def test_the_fewest_pairs_that_can_refuse_anything(alpha: float, pairs: int) -> None:
    assert pairs_to_refuse(alpha) == pairs
    assert tail(np.ones(pairs), 1.0) <= alpha
    assert pairs == 1 or tail(np.ones(pairs - 1), 1.0) > alpha


def test_many_pairs_are_drawn_and_the_draw_is_always_the_same() -> None:
    values = np.random.default_rng(3).normal(0.3, 1.0, 40)
    first, second = interval(values, 1.0, 0.025), interval(values, 1.0, 0.025)
    assert first == second
    half = 1.96 / np.sqrt(40)
    assert first.high - first.low == pytest.approx(2 * half, rel=0.4)
