"""Drawing from a pool, the plain rule, and the counts of both, on pools whose truth is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from lab.analysis.comparison import floor_of
from lab.gate.sides import Pair, Side
from lab.gate.verdicts import Compared
from tests.gate.trials import METRIC, drawn, identical, injected, plain_rule, rate, upper

POOL = 30


def _side(figures: Sequence[float | None]) -> Side:
    by_slot = {slot: value for slot, value in enumerate(figures, start=1) if value is not None}
    return Side("cell", {}, {}, False, "", lambda _metric: by_slot)


def _pool(effect_ms: float, spread_ms: float = 0.2) -> Pair:
    random = np.random.default_rng(3)
    base, head = 50 + spread_ms * random.standard_normal((2, POOL))
    return Pair(_side(base.tolist()), _side((head + effect_ms).tolist()))


def test_a_draw_keeps_pairs_together_in_their_order_and_takes_none_twice() -> None:
    pool = Pair(_side([float(n) for n in range(POOL)]), _side([float(n + 100) for n in range(POOL)]))
    random = np.random.default_rng(1)
    draws = [drawn(pool, 12, random).in_common(METRIC) for _ in range(20)]
    for base, head in draws:
        assert len(base) == 12
        assert base == sorted(set(base))
        assert [each - 100 for each in head] == base
    assert len({tuple(base) for base, _ in draws}) == 20


def test_what_one_side_lacks_is_no_pair_and_a_small_pool_is_drawn_whole() -> None:
    pool = Pair(_side([1.0, None, 3.0, 4.0]), _side([11.0, 12.0, None, 14.0]))
    assert drawn(pool, 12, np.random.default_rng(1)).in_common(METRIC) == ([1.0, 4.0], [11.0, 14.0])


PLAIN = {
    "a tenth and more": ([100.0] * 12, [111.0] * 12, True),
    "less than a tenth": ([100.0] * 12, [109.0] * 12, False),
    "one late repetition of twelve": ([100.0] * 12, [100.0] * 11 + [150.0], True),
    "nothing": ([], [], False),
}


@pytest.mark.parametrize(("base", "head", "worse"), PLAIN.values(), ids=PLAIN)
def test_the_plain_rule_looks_at_p95_alone(base: list[float], head: list[float], worse: bool) -> None:
    assert plain_rule(Compared("a", "b", {}, METRIC, floor_of(METRIC), tuple(base), tuple(head), None)) == worse


def test_checks_of_identical_code_are_counted_by_their_gravest_verdict() -> None:
    quiet = identical([_pool(0.0)] * 4, 12, 10, seed=1)
    assert (quiet.worse, quiet.undecided, quiet.invalid, quiet.better, quiet.plain_worse) == (0, 0, 0, 0, 0)
    one_is_worse = identical([_pool(0.0), _pool(20.0)], 12, 10, seed=1)
    assert (one_is_worse.worse, one_is_worse.plain_worse) == (10, 10)
    assert identical([_pool(0.0)], 3, 10, seed=1).undecided == 10
    assert identical([_pool(0.0), Pair(_side([]), _side([]))], 12, 10, seed=1).invalid == 10


def test_a_regression_is_sized_found_and_needs_as_many_pairs_as_an_exact_test_does() -> None:
    found = injected(_pool(6.0), 4, 12, 20, seed=1)
    assert (found.pool, found.found, found.plain_found) == (POOL, 20, 20)
    assert (round(found.base_ms or 0), round(found.effect_ms or 0)) == (50, 6)
    assert found.pairs_for_half == 8  # 2⁻⁸ is the first power that is below 2.5 % in four comparisons


def test_what_is_below_the_floor_is_not_found_whatever_the_pool() -> None:
    found = injected(_pool(1.0), 4, 12, 20, seed=1)
    assert (found.found, found.pairs_for_half) == (0, None)


def test_an_empty_pool_finds_nothing() -> None:
    found = injected(Pair(_side([]), _side([])), 4, 12, 5, seed=1)
    assert (found.pool, found.base_ms, found.effect_ms, found.found, found.plain_found) == (0, None, None, 0, 0)
    assert found.pairs_for_half is None


def test_the_bound_is_clopper_and_pearsons() -> None:
    assert upper(0, 200) == pytest.approx(1 - 0.05 ** (1 / 200))
    assert upper(10, 10) == pytest.approx(1.0)
    assert rate(0, 200) == "0.0 % (≤ 1.5)"
