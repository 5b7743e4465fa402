"""The forge: a warm process of one thread that forks every repetition's processes, so that a fork is safe and cheap.

Importing the lab takes most of a second; forking a process that has imported it takes milliseconds. The runner itself cannot
fork: its libraries start threads. So it starts this module as a program and asks it, one question at a time, over a socket.
The kernel kills the forge with the runner and the forge's children with the forge, whatever ends the runner.
"""

import contextlib
import gc
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from lab.errors import CapabilityError, ForgeEnded, LabError
from lab.model.cross import CrossSpec
from lab.model.host import AS_IT_IS, HostSpec
from lab.model.path import PathSpec
from lab.model.scenario import CellSpec
from lab.run.repetition import Evidence, Repetition

_LENGTH = struct.Struct("!Q")
# Not `-m`: the module must keep its name, because what it sends is pickled by name.
_PROGRAM = "import sys; from lab.run.forge import main; main(*map(int, sys.argv[1:]))"


class Resolution(NamedTuple):
    """How a path would be applied here: a backend and why, or None and what is missing."""

    backend: str | None
    reason: str
    remedy: str = ""


class Question(NamedTuple):
    """Whether this machine would run a cell, and how."""

    path: PathSpec
    client_kind: str
    host: HostSpec
    cross: tuple[CrossSpec, ...]

    @classmethod
    def of(cls, spec: CellSpec) -> "Question":
        """The same for all cells that differ in nothing that a machine could lack."""
        return cls(spec.path, spec.client.kind, spec.host, spec.cross)


class Fault(NamedTuple):
    """A fault of the lab, found in the forge and told in the runner."""

    message: str
    traceback: str


class Forge:
    """The runner's end."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair()
        command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(os.getpid())]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()

    def resolve(
        self, path: PathSpec, client_kind: str = "raw", host: HostSpec = AS_IT_IS, cross: tuple[CrossSpec, ...] = ()
    ) -> Resolution:
        """Which backend this machine would apply `path` with, if it has all else that is asked. Raises ForgeEnded."""
        self._ask(Question(path, client_kind, host, cross))
        answer = self._answer()
        assert isinstance(answer, Resolution)
        return answer

    def conduct(self, repetition: Repetition) -> Evidence:
        """Run one repetition. Raises the LabError that ended it, or ForgeEnded."""
        self.begin(repetition)
        return self.evidence()

    def begin(self, repetition: Repetition) -> None:
        """Start one repetition and do not wait for it. Raises ForgeEnded."""
        self._ask(repetition)

    def fileno(self) -> int:
        """Readable when there is an answer, or when the forge has ended."""
        return self._sock.fileno()

    def evidence(self) -> Evidence:
        """What came of the repetition that was begun; waits for it. Raises the LabError that ended it, or ForgeEnded."""
        answer = self._answer()
        assert isinstance(answer, Evidence)
        return answer

    def call(self, work: Callable[[], Any]) -> Any:
        """Call `work`, which is pickled by name, where forking is safe. Raises its LabError, or ForgeEnded."""
        self._ask(work)
        return self._answer()

    def close(self) -> None:
        """End it and, with it, whatever still runs."""
        self._sock.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, question: object) -> None:
        with self._ended():
            _send(self._sock, question)

    def _answer(self) -> object:
        with self._ended():
            answer = _receive(self._sock)
        if isinstance(answer, Fault):
            fault = RuntimeError(answer.message)
            fault.add_note(answer.traceback)
            raise fault
        if isinstance(answer, LabError):
            raise answer
        return answer

    @contextlib.contextmanager
    def _ended(self) -> Iterator[None]:
        """A conversation that breaks off says that the forge is gone."""
        try:
            yield
        except (EOFError, OSError) as error:
            code = self._process.wait()
            raise ForgeEnded(
                f"running a repetition: the process that forks its processes ended (exit code {code})"
            ) from error


@contextlib.contextmanager
def forges(count: int) -> Iterator[list[Forge]]:
    """So many, all of them warm: what one of them imports would disturb what another measures. Raises ForgeEnded."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(contextlib.closing(Forge())) for _ in range(count)]
        for forge in started:
            forge.resolve(PathSpec())
        yield started


def _send(sock: socket.socket, message: object) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    sock.sendall(_LENGTH.pack(len(data)) + data)


def _receive(sock: socket.socket) -> Any:
    (length,) = _LENGTH.unpack(_receive_exactly(sock, _LENGTH.size))
    return pickle.loads(_receive_exactly(sock, length))


def _receive_exactly(sock: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = sock.recv(min(length - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def main(fd: int, runner: int) -> None:
    """Answer until the runner hangs up."""
    from lab.linux.child import die_with_parent
    from lab.linux.descriptors import allow_many_files

    die_with_parent()
    if os.getppid() != runner:
        return
    allow_many_files()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the runner decides what it means
    sock = socket.socket(fileno=fd)
    sock.set_inheritable(False)
    _warm()
    while True:
        try:
            question = _receive(sock)
        except EOFError:
            return
        _send(sock, _answer(question))


def _warm() -> None:
    """Import what the children need, and keep the collector away from it: a frozen heap is not copied by a collection."""
    import lab.run.conductor

    if sys.platform == "linux":
        import lab.path.tun.relay  # noqa: F401

    gc.collect()
    gc.freeze()


def _answer(question: object) -> object:
    from lab.clients import kinds
    from lab.path.choose import choose
    from lab.run.conductor import conduct

    try:
        if isinstance(question, Question):
            kinds.require(question.client_kind)
            choice = choose(question.path, seed=0)
            if question.host != AS_IT_IS or question.cross:  # only in a path's own namespaces
                from lab.path.tun import trial

                trial.require(question.path, question.host, {flow.congestion for flow in question.cross})
            return Resolution(choice.path.backend, choice.reason)
        if isinstance(question, Repetition):
            return conduct(question)
        assert callable(question)
        return question()
    except CapabilityError as error:
        return Resolution(None, error.reason, error.remedy) if isinstance(question, Question) else error
    except LabError as error:
        return error
    except Exception as error:  # else it would end the forge without a word  # noqa: BLE001
        return Fault(f"{type(error).__name__}: {error}", traceback.format_exc())
