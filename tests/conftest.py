"""What all tests share: named capabilities, so that a missing one skips by name here and fails in CI."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache

import hypothesis
import pytest

from tests.e2e import containers
from tests.lacking import lack

# A shared machine stalls for longer than hypothesis's 200 ms now and then; no test here measures time.
hypothesis.settings.register_profile("lab", deadline=None, max_examples=50)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10)
hypothesis.settings.load_profile("lab")

# Programs that some tests run as peers: what Debian calls the package that brings them.
_PROGRAMS = {
    "curl": "curl",
    "go": "golang-go",
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
    "nginx": "nginx-light",
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Honour `@pytest.mark.needs("tun", "curl")`."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if missing := _missing(name):
                lack(name, missing)


def _missing(name: str) -> str | None:
    """Why this machine lacks `name`, or None."""
    if name == "root":
        return None if os.geteuid() == 0 else "run the tests as root"
    if name in _PROGRAMS:
        found_at = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
        return None if found_at else f"not installed (Debian: apt-get install {_PROGRAMS[name]})"
    if name == "compose":
        return containers.missing()
    found = _capabilities()
    if name not in found:
        raise pytest.UsageError(
            f"unknown capability {name!r}: there are {', '.join(['root', 'compose', *found, *_PROGRAMS])}"
        )
    return None if found[name]["works"] else f"{found[name]['reason']}. {found[name]['remedy']}"


@cache
def _capabilities() -> dict[str, dict[str, str]]:
    """As `lab doctor` sees them, in a process of its own: it forks, and this one may have threads."""
    command = [sys.executable, "-m", "lab", "doctor", "--json"]
    environment = {key: value for key, value in os.environ.items() if key != "LAB_REQUIRE"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return {capability["name"]: capability for capability in json.loads(done.stdout)}
