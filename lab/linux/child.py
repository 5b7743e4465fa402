"""Forked children that cannot outlive their parent, cannot die unheard and hand back one result.

The rule: a child is forked from a process with a single thread and no event loop, so that fork is safe and warm. It speaks
to its parent over a private socket, writes its last words (stderr) and its result into memory files that outlive it, and is
killed by the kernel when the parent goes, however that happens. Must not be used from a process that runs Trio.
"""

import contextlib
import ctypes
import os
import pickle
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from lab.errors import ChildFailed, LabError

# Larger messages do not fit a SEQPACKET socket's default buffer; results go through a memory file instead.
_MESSAGE_BYTES = 65_536
_LAST_WORDS_BYTES = 4_000
_FAULT = 70
_PR_SET_PDEATHSIG = 1
# poll(2) counts milliseconds in an int; the longest wait is made of several.
_POLL_S = 3600.0


class Message(NamedTuple):
    """What a child reports: a kind, a payload, and file descriptors that now belong to the receiver."""

    kind: str
    payload: dict[str, Any]
    fds: list[int]


class Control:
    """The child's end. Readable means: stop, or the parent is gone; both mean finish now."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """For poll, epoll and `trio.lowlevel.wait_readable`."""
        return self._sock.fileno()

    def send(self, kind: str, payload: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Report to the parent; the descriptors are duplicated into it."""
        socket.send_fds(self._sock, [pickle.dumps((kind, payload))], list(fds))


Target = Callable[[Control], Any]

_alive: set["Child"] = set()


class Child:
    """The parent's end of one forked process."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._result_fd = os.memfd_create(f"{name}-result")
        self._stderr_fd = os.memfd_create(f"{name}-stderr")
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _run(target, Control(theirs), parent, self)
        theirs.close()
        self._pidfd = os.pidfd_open(self.pid)
        self._exit_code: int | None = None
        _alive.add(self)

    def receive(self, timeout_s: float, beside: Iterable["Child"] = ()) -> Message:
        """The next message. Raises ChildFailed when it, or a child `beside` it, dies, or when time is up."""
        self._wait(self._sock.fileno(), timeout_s, beside)
        data, fds, _, _ = socket.recv_fds(self._sock, _MESSAGE_BYTES, 16)
        if not data:
            raise self._failure()
        kind, payload = pickle.loads(data)
        return Message(kind, payload, fds)

    def stop(self) -> None:
        """Ask it to finish; `result` waits for it."""
        with contextlib.suppress(OSError):
            self._sock.send(b"stop")

    def result(self, timeout_s: float, beside: Iterable["Child"] = ()) -> Any:
        """Wait for its end and return what its target returned. Raises ChildFailed when there is no such thing."""
        self._wait(self._pidfd, timeout_s, beside)
        if self._reap() != 0:
            raise self._failure()
        with os.fdopen(os.dup(self._result_fd), "rb") as file:
            file.seek(0)
            return pickle.load(file)

    def close(self) -> None:
        """End it if it still runs, and let go of everything. Safe to call twice."""
        if self not in _alive:
            return
        if self._exit_code is None:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            self._reap()
        _alive.discard(self)
        self._sock.close()
        for fd in (self._pidfd, self._result_fd, self._stderr_fd):
            os.close(fd)

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        size = os.fstat(self._stderr_fd).st_size
        start = max(0, size - _LAST_WORDS_BYTES)
        return os.pread(self._stderr_fd, size - start, start).decode(errors="replace").strip()

    def _wait(self, fd: int, timeout_s: float, beside: Iterable["Child"]) -> None:
        watched = {child._pidfd: child for child in beside}
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        for each in (fd, *watched):
            poll.register(each, select.POLLIN)
        while True:
            left_s = deadline - time.monotonic()
            ready = [each for each, _ in poll.poll(min(max(0.0, left_s), _POLL_S) * 1000)]
            if fd in ready:
                return
            if ready:
                raise watched[ready[0]]._failure()
            if left_s <= 0:
                message = f"the {self.name} did not answer within {timeout_s:.1f} s"
                raise ChildFailed(message, self.last_words())

    def _reap(self) -> int:
        if self._exit_code is None:
            _, status = os.waitpid(self.pid, 0)
            self._exit_code = os.waitstatus_to_exitcode(status)
        return self._exit_code

    def _failure(self) -> ChildFailed:
        code = self._reap()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        words = self.last_words()
        return ChildFailed(f"the {self.name} {how}" + (f": {words.splitlines()[-1]}" if words else ""), words)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (prctl(2), PR_SET_PDEATHSIG).

    The kernel forgets the request when credentials change, so it is made again after entering a user namespace.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _run(target: Target, control: Control, parent: int, me: Child) -> None:
    """The whole life of the child; never returns into the parent's stack."""
    code = _FAULT
    try:
        _settle(parent, me)
        result = target(control)
        with os.fdopen(me._result_fd, "wb", closefd=False) as file:
            pickle.dump(result, file, protocol=pickle.HIGHEST_PROTOCOL)
        code = 0
    except BaseException as error:  # whatever it was, these are its last words  # noqa: BLE001
        code = _say(error)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _say(error: BaseException) -> int:
    """The last words: a LabError in its own, also where Trio's nurseries have wrapped it. Returns the exit code."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, LabError):
        print(error, file=sys.stderr)
        return error.exit_code
    traceback.print_exception(error)
    return _FAULT


def _settle(parent: int, me: Child) -> None:
    """Signals, descriptors and inherited ends. Ctrl-C is the parent's business: it decides what is kept."""
    die_with_parent()
    if os.getppid() != parent:  # it died before the request above was made
        os._exit(_FAULT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for sibling in _alive:  # an inherited end would keep a sibling from seeing its parent go
        sibling._sock.close()
    me._sock.close()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(me._stderr_fd, 1)
    os.dup2(me._stderr_fd, 2)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
