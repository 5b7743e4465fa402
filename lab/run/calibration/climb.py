"""Rising loads, one after the other, until one is too much.

The rule: what is refused is refused twice. A shared machine stumbles now and then, as it does in a run, where an invalid
repetition is run again too. Bounded in time: a load that might not be over in time is not begun.
"""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from lab.run.calibration.figures import Step

AnyStep = TypeVar("AnyStep", bound=Step)


def climb(
    loads: Iterable[int],
    measure: Callable[[int], AnyStep],
    limit_s: float,
    now_s: Callable[[], float] = time.monotonic,
) -> list[AnyStep]:
    """One step for each load that was tried, in order. The first is always tried; no step begins after `limit_s`."""
    steps: list[AnyStep] = []
    deadline_s = now_s() + limit_s
    for load in loads:
        if steps and now_s() > deadline_s:
            break
        step = measure(load)
        if step.objection is not None and now_s() <= deadline_s:
            step = measure(load)
        steps.append(step)
        if step.objection is not None:
            break
    return steps
