"""Rising loads until one is refused twice, in bounded time."""

from collections import Counter

import pytest

from lab.run.calibration.climb import climb
from lab.run.calibration.figures import JobStep

# By load, how many times it is refused; how long a step takes; the limit. Then what was tried, and what the last step says.
CASES: dict[str, tuple[dict[int, int], float, list[int], bool]] = {
    "all are borne": ({}, 0.0, [1, 2, 3, 4], True),
    "one is too much": ({3: 2}, 0.0, [1, 2, 3, 3], False),
    "a stumble is forgiven": ({2: 1}, 0.0, [1, 2, 2, 3, 4], True),
    "not even the first": ({1: 2}, 0.0, [1, 1], False),
    "time is up": ({}, 4.0, [1, 2, 3], True),
    "no time for a second trial": ({1: 2}, 11.0, [1], False),
    "the first is tried whatever it takes": ({}, 99.0, [1], True),
}


@pytest.mark.parametrize(("refused", "step_s", "tried", "valid"), CASES.values(), ids=CASES)
def test_climb(refused: dict[int, int], step_s: float, tried: list[int], valid: bool) -> None:
    seen: list[int] = []

    def measure(load: int) -> JobStep:
        seen.append(load)
        return JobStep(jobs=load, objection="late" if Counter(seen)[load] <= refused.get(load, 0) else None)

    steps = climb((1, 2, 3, 4), measure, 10.0, now_s=lambda: len(seen) * step_s)
    assert seen == tried
    assert [step.load for step in steps] == sorted(set(tried))
    assert (steps[-1].objection is None) == valid
