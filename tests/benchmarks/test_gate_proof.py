"""The gate on real repetitions of a quiet machine: silent on identical code, and it finds what matters.

The rule: what it does beside hogs, and what a plain rule for p95 does, is stated and not demanded. About a quarter of an
hour; GATE_PROOF_REPEAT makes a trial run.
"""

import faulthandler

import pytest

from tests.benchmarks.gate_proof import POOL, Condition, collected, judged, report
from tests.benchmarks.injections import Injection, proof

pytestmark = [pytest.mark.bench, pytest.mark.needs("tun")]

WORSE_AT_MOST, UNDECIDED_AT_MOST, FOUND_AT_LEAST = 0.01, 0.05, 0.95
INJECTIONS = proof(POOL).injections


@pytest.fixture(scope="module")
def conditions(tmp_path_factory: pytest.TempPathFactory) -> list[Condition]:
    """Printed also when something is missed."""
    faulthandler.cancel_dump_traceback_later()  # it takes longer than a test that hangs
    found = judged(collected(tmp_path_factory.mktemp("gate-proof")))
    print(f"\n{report(found)}")
    return found


def test_identical_code(conditions: list[Condition]) -> None:
    quiet = conditions[0].identical
    assert quiet.worse / quiet.checks <= WORSE_AT_MOST
    assert quiet.undecided / quiet.checks <= UNDECIDED_AT_MOST


@pytest.mark.parametrize("injection", [each for each in INJECTIONS if each.large], ids=lambda each: each.cell)
def test_a_tenth_and_two_milliseconds_are_found(conditions: list[Condition], injection: Injection) -> None:
    found = conditions[0].injected[INJECTIONS.index(injection)]
    assert found.found / found.trials >= FOUND_AT_LEAST
