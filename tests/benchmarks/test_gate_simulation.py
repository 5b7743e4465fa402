"""How often the gate errs, and how much it finds, on made-up repetitions whose truth is known: the table behind its rule.

The rule: whole checks of five cells, twelve pairs each, in the first of which the head is slower by the effect. Every rate
stands beside the bound that 95 % of such counts would keep (Clopper & Pearson 1934).
"""

import pytest

from tests.analysis.noise import CALM, Noise, checks, until_decided
from tests.gate.trials import rate

pytestmark = pytest.mark.bench

CHECKS = 400
LOUD = {
    "normal, 3 ms on 60": Noise("normal", 60.0, 3.0),
    "normal, 6 ms on 60": Noise("normal", 60.0, 6.0),
    "heavy tails, 6 ms on 60": Noise("heavy", 60.0, 6.0),
    "heavy tails, 20 ms on 20": Noise("heavy", 20.0, 20.0),
}


def _effect_ms(noise: Noise) -> float:
    return max(0.1 * noise.base_ms, 2.0)


def _median_pairs(noise: Noise, seed: int) -> int:
    """After how many pairs half of the checks have found the effect."""
    for pairs in range(6, 40):
        verdicts = checks(noise, _effect_ms(noise), 30, seed, pairs)
        if 2 * verdicts.count("worse") >= len(verdicts):
            return pairs
    return 40


# Nothing here measures the machine: the figures are the same wherever this runs.


def test_identical_code() -> None:
    print(f"\n{'identical code':<45}{'worse':>20}{'undecided':>20}")
    for name, noise in {**CALM, **LOUD}.items():
        verdicts = checks(noise, 0.0, CHECKS, seed=7)
        worse, undecided = (rate(verdicts.count(verdict), CHECKS) for verdict in ("worse", "undecided"))
        print(f"{name:<45}{worse:>20}{undecided:>20}")


def test_slower_by_a_tenth_and_two_milliseconds_at_least() -> None:
    print(f"\n{'slower by a tenth, and 2 ms at least':<45}{'found':>20}{'pairs for half':>20}")
    for name, noise in CALM.items():
        found = checks(noise, _effect_ms(noise), CHECKS, seed=8).count("worse")
        print(f"{name:<45}{100 * found / CHECKS:18.1f} %{_median_pairs(noise, seed=9):>20}")
        assert found / CHECKS >= 0.95


def test_looking_again_until_it_is_decided() -> None:
    verdicts = [until_decided(Noise("heavy", 60.0, 1.5), seed) for seed in range(CHECKS)]
    worse, undecided = (rate(verdicts.count(verdict), CHECKS) for verdict in ("worse", "undecided"))
    print(f"\n{'heavy tails, 1.5 ms on 60, up to four looks':<45}{worse:>20}{undecided:>20}")
