"""What a test needs and this machine has not: it skips by name, and fails where nothing may be skipped."""

import os
from typing import NoReturn

import pytest


def lack(name: str, why: str) -> NoReturn:
    """End the test that needs `name`: under LAB_REQUIRE=all, as in CI, as a failure."""
    complain = pytest.fail if os.environ.get("LAB_REQUIRE") == "all" else pytest.skip
    complain(f"needs {name}: {why}")
