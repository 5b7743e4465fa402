"""Locust as a program that dies with whoever started it. Nothing of the lab imports Locust but what runs in there."""

import importlib.util
import os
import sys

from lab.errors import CapabilityError

# Not `-m locust`, only because a process cannot be told from outside to die with its parent.
_PROGRAM = "import sys; from lab.clients.locust.program import main; main(int(sys.argv.pop(1)))"


def require() -> None:
    """Raises CapabilityError where Locust is not installed."""
    if importlib.util.find_spec("locust") is None:
        raise CapabilityError(
            "read streams with Locust",
            "the Python package locust is not installed",
            "pip install 'typewriter-lab[load]'",
        )


def command(*options: str) -> list[str]:
    """The command line of `python -m locust`, to be run by this very process. `-P` keeps the working directory out."""
    return [sys.executable, "-P", "-c", _PROGRAM, str(os.getpid()), *options]


def main(parent: int) -> None:
    """Become Locust, unless `parent` is gone already."""
    if sys.platform == "linux":
        from lab.linux.child import die_with_parent

        die_with_parent()
        if os.getppid() != parent:
            return
    import runpy

    sys.argv[0] = "locust"
    runpy.run_module("locust", run_name="__main__")
