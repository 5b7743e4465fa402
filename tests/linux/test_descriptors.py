"""The soft limit rises to what is enough, never above the hard one, and never falls."""

import resource
from unittest import mock

import pytest

from lab.linux.descriptors import allow_many_files

INFINITY = resource.RLIM_INFINITY

# soft, hard → the soft limit that is set, or None for no change
LIMITS: dict[str, tuple[int, int, int | None]] = {
    "a shell's default": (1_024, 524_288, 16_384),
    "a hard limit below": (1_024, 4_096, 4_096),
    "at the hard limit": (4_096, 4_096, None),
    "more than enough": (20_000, 524_288, None),
    "no hard limit": (1_024, INFINITY, 16_384),
    "no limit": (INFINITY, INFINITY, None),
}


@pytest.mark.parametrize(("soft", "hard", "expected"), LIMITS.values(), ids=LIMITS)
def test_a_limit(soft: int, hard: int, expected: int | None) -> None:
    with (
        mock.patch("resource.getrlimit", return_value=(soft, hard)),
        mock.patch("resource.setrlimit") as setrlimit,
    ):
        allow_many_files()
    expected_calls = [] if expected is None else [mock.call(resource.RLIMIT_NOFILE, (expected, hard))]
    assert setrlimit.call_args_list == expected_calls
