"""A forge that forks nothing: its answers are given in advance, and it is over when the test says so."""

import os
import weakref
from collections.abc import Callable

from lab.model.path import PathSpec
from lab.run.forge import Resolution
from lab.run.repetition import Evidence, Repetition
from tests.run import tiny

Answer = Callable[[Repetition], Evidence]


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

    def resolve(self, path: PathSpec, client_kind: str = "raw") -> Resolution:
        self.resolved.append((path, client_kind))
        return tiny.HERE
