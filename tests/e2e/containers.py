"""The container engine of this machine: docker with its compose, or podman with podman-compose.

The rule: an engine counts when a container has run in it, whatever it says of itself.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.errors import CapabilityError

# What tests/e2e/base-image makes where nothing can be pulled, and what the Dockerfile builds on by default.
_LOCAL_BASE, _PUBLIC_BASE = "localhost/lab-base", "python:3.12-slim"
_RESTRICTED = Path(__file__).with_name("containers.conf")
_ANSWER_S = 20
_PULL_S = 180


@dataclass(frozen=True)
class Engine:
    """A program that runs containers, its compose, and what to build on."""

    program: str
    compose: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    base: str = _LOCAL_BASE

    def call(self, *arguments: str, timeout_s: float = _ANSWER_S) -> "subprocess.CompletedProcess[str]":
        """The program with these arguments; one that hangs is ended."""
        return self.run((self.program, *arguments), timeout_s)

    def run(self, command: tuple[str, ...], timeout_s: float, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Any command, with the settings that this engine takes from the environment."""
        variables = os.environ | self.environment | environment
        return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=timeout_s)


@functools.cache
def missing() -> str | None:
    """Why no compose file can be run here, with the remedy; or None."""
    try:
        find()
    except CapabilityError as error:
        return f"{error.reason}. {error.remedy}"
    return None


@functools.cache
def find() -> Engine:
    """The first engine that runs a container. Raises CapabilityError."""
    reason = "there is neither docker with compose and a running engine, nor podman"
    for engine in _candidates():
        try:
            refused = _refused(engine)
        except subprocess.TimeoutExpired as error:
            refused = str(error)
        if refused is None:
            return engine
        reason = f"{engine.program} cannot run {engine.base}: {refused}"
    remedy = "Debian: apt-get install podman runc mmdebstrap, and run tests/e2e/base-image"
    raise CapabilityError("run containers", reason, remedy)


def _candidates() -> Iterator[Engine]:
    if shutil.which("docker"):
        yield _on_a_base(Engine("docker", ("docker", "compose")))
    if shutil.which("podman"):
        compose = (sys.executable, "-m", "podman_compose")
        yield _on_a_base(Engine("podman", compose))
        yield _on_a_base(Engine("podman", compose, {"CONTAINERS_CONF": str(_RESTRICTED)}))


def _on_a_base(engine: Engine) -> Engine:
    has_own = engine.call("image", "inspect", _LOCAL_BASE).returncode == 0
    return replace(engine, base=_LOCAL_BASE if has_own else _PUBLIC_BASE)


def _refused(engine: Engine) -> str | None:
    """What it said to a container, or to its compose; None if it did both."""
    for command in ((*engine.compose, "version"), (engine.program, "run", "--rm", engine.base, "true")):
        done = engine.run(command, _PULL_S)
        if done.returncode != 0:
            return " ".join(done.stderr.split())
    return None
