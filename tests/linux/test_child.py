"""Children: they answer, they are heard when they die, and they never outlive their parent."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lab.errors import CapabilityError, ChildFailed, UsageError
from lab.linux.child import Child, Control, Target
from tests.processes import PATIENCE_S, ends


@contextmanager
def _child(target: Target, name: str = "worker") -> Iterator[Child]:
    child = Child(name, target)
    try:
        yield child
    finally:
        child.close()


def _wait(control: Control) -> str:
    """Until told to stop."""
    with socket.socket(fileno=os.dup(control.fileno())) as sock:
        sock.recv(1)
    return "stopped"


def _say(*words: str) -> None:
    print(*words, file=sys.stderr)


RESULTS: dict[str, Any] = {"nothing": None, "a value": {"a": [1, 2]}, "more than a socket takes": b"x" * 3_000_000}


@pytest.mark.parametrize("value", RESULTS.values(), ids=RESULTS)
def test_a_result_comes_back_whole(value: Any) -> None:
    with _child(lambda _control: value) as child:
        assert child.result(PATIENCE_S) == value


def test_a_result_can_be_asked_for_again_and_after_a_message() -> None:
    def target(control: Control) -> str:
        control.send("ready", {"port": 7})
        return "done"

    with _child(target) as child:
        assert child.receive(PATIENCE_S)[:2] == ("ready", {"port": 7})
        assert child.result(PATIENCE_S) == child.result(PATIENCE_S) == "done"


def test_stop_is_heard() -> None:
    with _child(_wait) as child:
        child.stop()
        assert child.result(PATIENCE_S) == "stopped"
        child.stop()  # too late, and no error


def test_a_message_brings_descriptors() -> None:
    def target(control: Control) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"through the pipe")
        control.send("pipe", {}, [reading])

    with _child(target) as child:
        (fd,) = child.receive(PATIENCE_S).fds
        child.result(PATIENCE_S)
        assert os.read(fd, 100) == b"through the pipe"
        os.close(fd)


def _raises(error: BaseException) -> Target:
    def target(_control: Control) -> NoReturn:
        raise error

    return target


def _exits(code: int) -> Target:
    def target(_control: Control) -> NoReturn:
        _say("so long")
        sys.stderr.flush()
        os._exit(code)

    return target


def _killed(number: int) -> Target:
    def target(_control: Control) -> None:
        os.kill(os.getpid(), number)

    return target


def _unpicklable(_control: Control) -> Callable[[], None]:
    return lambda: None


REFUSAL = CapabilityError("try it", "no right", "Be root")
# What it does; the message after "the worker"; and what stands among its last words.
DEATHS: dict[str, tuple[Target, str, str]] = {
    "an error of the lab": (_raises(UsageError("no such thing")), "ended with exit code 2: no such thing", "no such"),
    "an error with a remedy": (_raises(REFUSAL), "ended with exit code 3: try it: no right. Be root", "Be root"),
    "an error of the lab in a nursery": (
        _raises(ExceptionGroup("nursery", [ExceptionGroup("inner", [REFUSAL])])),
        "ended with exit code 3: try it: no right. Be root",
        "Be root",
    ),
    "a fault": (_raises(KeyError("x")), "ended with exit code 70: KeyError: 'x'", "Traceback"),
    "a fault in a nursery": (
        _raises(ExceptionGroup("n", [KeyError("x")])),
        "ended with exit code 70: KeyError",
        "KeyError",
    ),
    "two faults in a nursery": (
        _raises(ExceptionGroup("n", [KeyError("x"), KeyError("y")])),
        "ended with exit code 70",
        "KeyError: 'y'",
    ),
    "a call to exit": (_exits(5), "ended with exit code 5: so long", "so long"),
    "a signal": (_killed(signal.SIGTERM), "was killed by SIGTERM", ""),
    "kill -9": (_killed(signal.SIGKILL), "was killed by SIGKILL", ""),
    "a result that cannot travel": (_unpicklable, "ended with exit code 70", "pickle"),
}


@pytest.mark.parametrize(("target", "message", "words"), DEATHS.values(), ids=DEATHS)
def test_a_death_is_told_with_its_last_words(target: Target, message: str, words: str) -> None:
    with _child(target) as child, pytest.raises(ChildFailed) as caught:
        child.result(PATIENCE_S)
    assert str(caught.value).startswith(f"the worker {message}")
    assert words in caught.value.last_words


@pytest.mark.parametrize(("target", "message", "words"), DEATHS.values(), ids=DEATHS)
def test_a_death_is_heard_by_who_waits_for_a_message(target: Target, message: str, words: str) -> None:
    with _child(target) as child, pytest.raises(ChildFailed) as caught:
        child.receive(PATIENCE_S)
    assert str(caught.value).startswith(f"the worker {message}")


def test_an_end_without_the_message_is_a_failure_too() -> None:
    with _child(lambda _control: None) as child, pytest.raises(ChildFailed, match="the worker ended with exit code 0"):
        child.receive(PATIENCE_S)


def test_last_words_are_the_end_of_what_was_said() -> None:
    def target(_control: Control) -> None:
        _say("\n".join(f"line {n}" for n in range(5_000)))
        raise UsageError("the end")

    with _child(target) as child, pytest.raises(ChildFailed) as caught:
        child.result(PATIENCE_S)
    assert caught.value.last_words.endswith("line 4999\nthe end")
    assert len(caught.value.last_words) <= 4_000


def test_a_deadline_that_is_missed_names_the_child_and_what_it_said() -> None:
    def target(control: Control) -> str:
        _say("still thinking")
        control.send("thinking", {})
        return _wait(control)

    with _child(target) as child:
        child.receive(PATIENCE_S)
        with pytest.raises(ChildFailed, match=r"the worker did not answer within 0\.0 s") as caught:
            child.result(0.01)
        assert caught.value.last_words == "still thinking"
        with pytest.raises(ChildFailed, match="did not answer"):
            child.receive(0.0)
        child.stop()
        assert child.result(PATIENCE_S) == "stopped"


def test_a_wait_may_be_longer_than_poll_can_count() -> None:
    with _child(lambda _control: 5) as child:
        assert child.result(1e9) == 5


def test_who_dies_beside_is_named() -> None:
    with _child(_wait, "client") as waiting, _child(_killed(signal.SIGKILL), "relay") as dying:
        with pytest.raises(ChildFailed, match="the relay was killed by SIGKILL"):
            waiting.result(PATIENCE_S, beside=[dying])
        with pytest.raises(ChildFailed, match="the relay was killed by SIGKILL"):
            waiting.receive(PATIENCE_S, beside=[dying])


def test_close_ends_what_still_runs_and_may_be_called_twice() -> None:
    with _child(_wait) as child:
        pid = child.pid
        child.close()
        child.close()
    assert ends(pid)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_ctrl_c_is_the_parents_business() -> None:
    def target(control: Control) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        control.send("alive", {})
        return _wait(control)

    with _child(target) as child:
        assert child.receive(PATIENCE_S).kind == "alive"


def test_what_it_prints_stays_out_of_the_parents_output(capfd: pytest.CaptureFixture[str]) -> None:
    def target(_control: Control) -> str:
        print("to stdout")
        _say("to stderr")
        return os.read(0, 1).decode()

    with _child(target) as child:
        assert child.result(PATIENCE_S) == ""
        assert child.last_words() == "to stdout\nto stderr"
    assert capfd.readouterr() == ("", "")


_PARENT = """
import os, signal, sys
from lab.linux.child import Child
def sleep(control):
    control.send("up", {})
    signal.pause()
one, two = Child("one", sleep), Child("two", sleep)
for child in (one, two):
    child.receive(20)
print(one.pid, two.pid, flush=True)
%s
"""
PARENTS = {"kill -9": "signal.pause()", "an end without close": "os._exit(0)"}


@pytest.mark.parametrize("ending", PARENTS.values(), ids=PARENTS)
def test_children_go_with_their_parent(ending: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT % ending], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    if "pause" in ending:
        parent.kill()
    parent.wait(PATIENCE_S)
    parent.stdout.close()
    assert len(pids) == 2
    assert all(ends(pid) for pid in pids)


def test_a_younger_sibling_holds_no_end_of_an_elders_socket() -> None:
    """It would keep the elder from seeing that its parent let go."""

    def inodes(_control: Control) -> set[int]:
        return {os.stat(link).st_ino for link in Path("/proc/self/fd").glob("*") if link.exists()}

    with _child(_wait, "elder") as elder:
        held = os.fstat(elder._sock.fileno()).st_ino
        with _child(inodes, "younger") as younger:
            assert held not in younger.result(PATIENCE_S)
