"""A forge that forks nothing: its answers are given in advance, and it is over when the test says so."""

import os
import weakref
from collections.abc import Callable, Sequence

from lab.model.cross import CrossSpec
from lab.model.host import AS_IT_IS, HostSpec
from lab.model.path import PathSpec
from lab.run.forge import Resolution
from lab.run.repetition import Clocks, Evidence, Repetition
from lab.trace.records import ChunkRow, ClientRecord, ReadRow, SaidRow, StreamSaid, StreamSeen, WriteRow
from tests.run import tiny

MS = 1_000_000
Answer = Callable[[Repetition], Evidence]


def evidence(repetition: Repetition, *, late_ms: float = 0.0, error: str | None = None, end: int = 0) -> Evidence:
    """Five chunks of ten bytes, each read a millisecond after it was due and emitted `late_ms` late."""
    said = StreamSaid(1, 40_000, 8000, 0, [], [], {"TCP_NODELAY": (1, 1)})
    seen = StreamSeen(1, 0, 1, 1, 0, 40_000, 8000, 0, 0, 0, MS, MS, 60 * MS, 200, "error" if error else "done", error)
    for n in range(5):
        due_ns, late_ns = 5 * n * MS, round(late_ms * MS)
        emit_ns = due_ns + late_ns
        said.chunks.append(SaidRow(10 * n, 10 * n + 10, n + 1, due_ns, emit_ns, "x"))
        said.writes.append(WriteRow(10 * n, 10, 0, emit_ns, emit_ns))
        seen.reads.append(ReadRow(10 * n, 10, None, emit_ns + MS))
        seen.chunks.append(ChunkRow(10 * n + 10 + end, "x", emit_ns + MS, n + 1))
    clocks = Clocks(0, 0, 0), Clocks(60 * MS, 60 * MS, 60 * MS)
    return Evidence([said], ClientRecord([seen], {"TCP_NODELAY": (1, 1)}), None, *clocks, 0)


class FakeForge:
    """Answers as it is told, in turn; the last answer holds for all that follow. With `waits` only after `finish`."""

    def __init__(self, *answers: Answer | BaseException, waits: bool = False) -> None:
        self.asked: list[Repetition] = []
        self.resolved: list[tuple[PathSpec, str]] = []
        self._answers = list(answers)
        self._waits = waits
        self._fd = os.eventfd(0)
        weakref.finalize(self, os.close, self._fd)

    def fileno(self) -> int:
        return self._fd

    def begin(self, repetition: Repetition) -> None:
        self.asked.append(repetition)
        if not self._waits:
            self.finish()

    def finish(self) -> None:
        os.eventfd_write(self._fd, 1)

    def evidence(self) -> Evidence:
        os.eventfd_read(self._fd)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer(self.asked[-1])

    def resolve(
        self, path: PathSpec, client_kind: str = "raw", host: HostSpec = AS_IT_IS, cross: tuple[CrossSpec, ...] = ()
    ) -> Resolution:
        self.resolved.append((path, client_kind))
        return tiny.HERE


class Notes:
    """A watcher that keeps what it is told beside progress."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def running(self, cells: Sequence[str], done: int, total: int, left_s: float) -> None:
        pass

    def ended(self, cell: str, rep: int, done: int, total: int, left_s: float, verdict: str) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)
