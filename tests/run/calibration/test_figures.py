"""What the steps of a calibration amount to, and that it survives the way to the disk and back."""

import pytest

from lab.run.calibration.figures import Calibration, borne, objection
from tests.run.calibration import found
from tests.run.calibration.found import LATE

BORNE: dict[str, tuple[list[str | None], int | None, str | None]] = {
    "nothing was tried": ([], None, None),
    "all that was tried": ([None, None, None], 3, None),
    "up to the first objection": ([None, None, LATE], 2, LATE),
    "not even the smallest": ([LATE], 0, LATE),
    "what comes after an objection does not count": ([None, LATE, None], 1, LATE),
}


@pytest.mark.parametrize(("objections", "largest", "why"), BORNE.values(), ids=BORNE)
def test_what_is_borne(objections: list[str | None], largest: int | None, why: str | None) -> None:
    steps = found.jobs(*objections)
    assert borne(steps) == largest
    assert objection(steps) == why
    assert found.calibration(jobs=steps).valid_up_to.jobs == largest


def test_it_comes_back_from_json_as_it_was() -> None:
    whole = found.whole()
    again = Calibration.model_validate_json(whole.model_dump_json())
    assert again == whole
    assert again.valid_up_to.model_dump() == {"packets_per_s": 1000, "streams": 10, "jobs": 2}
