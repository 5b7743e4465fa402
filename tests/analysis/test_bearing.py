"""What a machine bears: lags against what a planned interval allows, with a margin where it is asked for."""

import pytest

from lab.analysis.bearing import MARGIN, Lags, too_late, worst

# Δ = 20 ms: a quarter is 5 ms, and half of that 2.5.
CASES: dict[str, tuple[Lags, float, str | None]] = {
    "nothing was measured": ({}, 1.0, None),
    "what was not measured objects to nothing": ({"emit_lag_ms": None, "read_lag_ms": 1.0}, 1.0, None),
    "on time": ({"emit_lag_ms": 0.8, "read_lag_ms": 0.2, "path_error_ms": 0.1}, 1.0, None),
    "all that is allowed": ({"emit_lag_ms": 5.0}, 1.0, None),
    "a slow server": (
        {"emit_lag_ms": 5.1},
        1.0,
        "the server produced its chunks 5.10 ms late at p99, and 5 ms is allowed",
    ),
    "a slow client": ({"read_lag_ms": 49.3}, 1.0, "the client read 49.3 ms late at p99, and 5 ms is allowed"),
    "a slow emulator": (
        {"path_error_ms": 6.0},
        1.0,
        "the emulator forwarded packets 6 ms late at p99, and 5 ms is allowed",
    ),
    "the gravest is named": ({"emit_lag_ms": 6.0, "read_lag_ms": 7.0}, 1.0, "the client read 7 ms late at p99"),
    "valid, and beyond the margin": (
        {"read_lag_ms": 3.0},
        MARGIN,
        "the client read 3 ms late at p99, and 2.50 ms is allowed",
    ),
    "within the margin": ({"read_lag_ms": 2.5}, MARGIN, None),
    "another lag than those of the lab": ({"slack_us": 1000.0}, 1.0, None),
}


@pytest.mark.parametrize(("lags", "part", "said"), CASES.values(), ids=CASES)
def test_verdict(lags: Lags, part: float, said: str | None) -> None:
    objection = too_late(lags, 20.0, 0.99, part)
    assert (objection is None) == (said is None)
    assert (said or "") in (objection or "")


def test_a_longer_interval_allows_more() -> None:
    assert too_late({"read_lag_ms": 6.0}, 20.0, 0.95)
    assert too_late({"read_lag_ms": 6.0}, 40.0, 0.95) is None


WORST: dict[str, tuple[list[Lags], Lags]] = {
    "of none": ([], {"emit_lag_ms": None, "read_lag_ms": None, "path_error_ms": None}),
    "of several": (
        [{"emit_lag_ms": 1.0, "read_lag_ms": None}, {"emit_lag_ms": 0.5, "read_lag_ms": 2.0, "slack_us": 9.0}],
        {"emit_lag_ms": 1.0, "read_lag_ms": 2.0, "path_error_ms": None},
    ),
}


@pytest.mark.parametrize(("lags", "expected"), WORST.values(), ids=WORST)
def test_the_worst_of_several_repetitions(lags: list[Lags], expected: Lags) -> None:
    assert worst(lags) == expected
