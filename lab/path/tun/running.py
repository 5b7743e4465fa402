"""A relay and the programs on its two sides, for whoever wants to see the path itself and no stream over it.

The rule: everything that was started ends when its block is left. Must be used from a process with a single thread, because
it forks; a repetition's own processes are the conductor's business.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.linux.child import Child, Control
from lab.model.path import PathSpec
from lab.path.base import SideName
from lab.path.tun.path import TunPath

START_S = 30.0
"""What a process may take to get ready, on the busiest machine."""


@contextmanager
def relaying(spec: PathSpec, seed: int = 1) -> Iterator[tuple[TunPath, Child]]:
    """A relay that is ready, and ended with everything it made when the block is left. Raises ChildFailed."""
    path = TunPath(spec, seed)
    assert path.relay is not None
    child = Child("relay", path.relay)
    try:
        path.attach(child.receive(START_S).fds)
        yield path, child
    finally:
        child.close()
        path.close()


@contextmanager
def inside(path: TunPath, side: SideName, target: Callable[[Control], Any]) -> Iterator[Child]:
    """`target` in a child on its side of the path."""

    def enter_and_run(control: Control) -> Any:
        path.enter(side)
        return target(control)

    child = Child(side, enter_and_run)
    try:
        yield child
    finally:
        child.close()
