"""What a person sees while a matrix runs: a live line on a terminal, one plain line for each repetition anywhere else."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


class Watcher(Protocol):
    """What the matrix tells while it runs."""

    def running(self, cells: Sequence[str], done: int, total: int, left_s: float) -> None:
        """What runs now, in the order of starting; `done` of `total` are over and about `left_s` remain."""

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        """A repetition is over and about `left_s` remain; `verdict` is "ok", or why not."""

    def note(self, text: str) -> None:
        """Something that a person should know."""


class PlainLines(AbstractContextManager["PlainLines"]):
    """For CI and pipes."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def running(self, cells: Sequence[str], done: int, total: int, left_s: float) -> None:
        """See Watcher; nothing is printed before there is a result."""

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        """See Watcher."""
        print(
            f"[{done:>3}/{total}] {cell} #{rep}: {verdict} (about {left_s:.0f} s left)",
            file=sys.stderr,
            flush=True,
        )

    def note(self, text: str) -> None:
        """See Watcher."""
        print(text, file=sys.stderr, flush=True)


class LiveBar(AbstractContextManager["LiveBar"]):
    """For a terminal."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("starting", total=None, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def running(self, cells: Sequence[str], done: int, total: int, left_s: float) -> None:
        """See Watcher."""
        left = f"about {left_s:.0f} s left"
        self._progress.update(self._task, description=", ".join(cells), completed=done, total=total, left=left)

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        """See Watcher; a good repetition moves the bar and needs no line."""
        self._progress.update(self._task, completed=done, total=total)
        if verdict != "ok":
            self.note(f"{cell} #{rep}: {verdict}")

    def note(self, text: str) -> None:
        """See Watcher."""
        self._progress.console.print(text, markup=False, highlight=False)


def watcher() -> PlainLines | LiveBar:
    """A live bar where stderr is a terminal, plain lines elsewhere."""
    return LiveBar() if sys.stderr.isatty() else PlainLines()
