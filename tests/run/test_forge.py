"""The forge and the conductor, for real: repetitions come back whole, and who is killed in the middle is named."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import CapabilityError, ChildFailed, ForgeEnded, LabError
from lab.model.path import PathSpec
from lab.run.forge import Forge, Resolution, forges
from lab.run.repetition import Repetition
from tests.processes import PATIENCE_S, children, descendants, ends, until
from tests.run import tiny


@pytest.fixture(scope="module")
def shared() -> Iterator[Forge]:
    """A warm one for all that leave it as it was."""
    forge = Forge()
    yield forge
    forge.close()


@pytest.fixture
def own() -> Iterator[Forge]:
    """For those that break it."""
    forge = Forge()
    yield forge
    forge.close()


def _pid(forge: Forge) -> int:
    return forge._process.pid


def test_a_repetition_comes_back_whole(shared: Forge) -> None:
    evidence = shared.conduct(tiny.repetition())
    (said,), (seen,) = evidence.said, evidence.seen.streams
    assert [chunk.text for chunk in seen.chunks] == [chunk.text for chunk in said.chunks]
    assert [chunk.end for chunk in seen.chunks] == [chunk.end for chunk in said.chunks]
    assert (len(seen.chunks), seen.completion, evidence.path) == (5, "done", None)
    assert evidence.before.monotonic_ns < seen.due_ns < evidence.after.monotonic_ns
    assert evidence.max_slack_ns >= 0
    assert children(_pid(shared)) == []


def test_the_forge_has_one_thread_so_that_a_fork_is_safe(shared: Forge) -> None:
    """Others' locks would stay locked for ever in the child."""
    shared.resolve(PathSpec())  # it is warm when it answers
    threads = [(task / "comm").read_text().strip() for task in Path(f"/proc/{_pid(shared)}/task").iterdir()]
    assert len(threads) == 1, threads


def test_equal_seeds_give_equal_words(shared: Forge) -> None:
    texts = [[chunk.text for chunk in shared.conduct(tiny.repetition()).seen.streams[0].chunks] for _ in range(2)]
    assert texts[0] == texts[1]


def test_an_error_of_the_lab_comes_back_as_itself(shared: Forge) -> None:
    refused = tiny.repetition({"server": {"congestion": "nosuch"}})
    with pytest.raises(
        ChildFailed, match="the server ended with exit code 2: setting TCP_CONGESTION to 'nosuch'"
    ) as caught:
        shared.conduct(refused)
    assert "TCP_CONGESTION" in caught.value.last_words
    assert shared.conduct(tiny.repetition()).said
    assert children(_pid(shared)) == []


def test_a_fault_of_the_lab_is_told_in_the_runner_and_ends_nobody(shared: Forge) -> None:
    broken = Repetition(cell=None, rep=1, slot=1, seed="1/1")  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="AttributeError: 'NoneType' object has no attribute 'spec'") as caught:
        shared.conduct(broken)
    assert "in conduct" in caught.value.__notes__[0]
    assert shared.conduct(tiny.repetition()).said


def test_a_bare_path_is_the_machine_itself(shared: Forge) -> None:
    assert shared.resolve(PathSpec()) == Resolution("loopback", "nothing is asked of the network")
    named = PathSpec.model_validate({"backend": "loopback"})
    assert shared.resolve(named) == Resolution("loopback", "the scenario names it")


class _Running:
    """A repetition that never ends by itself, in a thread; `processes` are those of the repetition, oldest first."""

    def __init__(self, forge: Forge, count: int, document: dict[str, Any]) -> None:
        self.outcome: object = None
        self._thread = threading.Thread(target=self._conduct, args=(forge, document))
        self._thread.start()
        until(f"{count} processes", lambda: len(children(_pid(forge))) >= count or not self._thread.is_alive())
        until("the client", lambda: _talks(children(_pid(forge))) or not self._thread.is_alive())
        self.processes = children(_pid(forge))
        assert len(self.processes) == count, self.outcome

    def _conduct(self, forge: Forge, document: dict[str, Any]) -> None:
        try:
            self.outcome = forge.conduct(tiny.repetition({**tiny.ENDLESS, **document}))
        except LabError as error:
            self.outcome = error

    def ended(self) -> object:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.outcome


def _talks(pids: list[int]) -> bool:
    """Whether the youngest has its event loop: then it is about to connect, or has."""
    return bool(pids) and any("eventpoll" in link for link in _open_files(pids[-1]))


def _open_files(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            found.append(os.readlink(link))
        except OSError:  # closed meanwhile
            continue
    return found


# Their place among the processes of a repetition, how many there are, and the path.
VICTIMS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "the server": (0, 2, {}),
    "the client": (1, 2, {}),
}
CROSSED = {"path": "3g", "cross": {"flows": 2}, "host": {"initial_window": 30}}
ON_A_PATH: dict[str, tuple[int, int, dict[str, Any]]] = {
    "the relay": (0, 3, {"path": "lan"}),
    "the server": (1, 3, {"path": "lan"}),
    "the client": (2, 3, {"path": "lan"}),
    "the server of the cross traffic": (2, 5, CROSSED),
    "the client of the cross traffic": (3, 5, CROSSED),
}


def _check_death(forge: Forge, name: str, place: int, count: int, document: dict[str, Any]) -> None:
    running = _Running(forge, count, document)
    os.kill(running.processes[place], signal.SIGKILL)
    error = running.ended()
    assert isinstance(error, ChildFailed)
    assert str(error) == f"{name} was killed by SIGKILL"
    assert all(ends(pid) for pid in running.processes)
    assert children(_pid(forge)) == []
    assert forge.conduct(tiny.repetition()).said


@pytest.mark.parametrize(("name", "case"), VICTIMS.items(), ids=VICTIMS)
def test_who_is_killed_is_named_and_nobody_stays(shared: Forge, name: str, case: tuple[int, int, Any]) -> None:
    _check_death(shared, name, *case)


@pytest.mark.needs("tun")
@pytest.mark.parametrize(("name", "case"), ON_A_PATH.items(), ids=ON_A_PATH)
def test_on_a_path_too_and_its_namespaces_go(shared: Forge, name: str, case: tuple[int, int, Any]) -> None:
    """A namespace without a name or a mount lives by its processes, which have ended, and by descriptors."""
    _check_death(shared, name, *case)
    assert [link for link in _open_files(_pid(shared)) if link.startswith("net:")] == []
    assert [pid for pid in descendants(os.getpid()) if not _shares_network(pid)] == []


def _shares_network(pid: int) -> bool:
    """Whether the process, if it still runs, is where this one is."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError:
        return True


def test_a_forge_that_is_killed_takes_everything_with_it(own: Forge) -> None:
    running = _Running(own, 2, {})
    os.kill(_pid(own), signal.SIGKILL)
    error = running.ended()
    assert isinstance(error, ForgeEnded)
    assert str(error) == "running a repetition: the process that forks its processes ended (exit code -9)"
    assert all(ends(pid) for pid in running.processes)
    with pytest.raises(ForgeEnded):
        own.conduct(tiny.repetition())


def test_close_leaves_nothing_and_may_be_called_twice() -> None:
    forge = Forge()
    running = _Running(forge, 2, {})
    everyone = [_pid(forge), *descendants(_pid(forge))]
    forge._process.kill()  # close would take the socket from under the thread
    running.ended()
    forge.close()
    forge.close()
    assert all(ends(pid) for pid in everyone)


def _refuse() -> None:
    raise CapabilityError("wake", "no timer", "buy one")


def test_work_is_done_where_forking_is_safe(shared: Forge) -> None:
    assert shared.call(os.getpid) == _pid(shared)
    with pytest.raises(CapabilityError, match="no timer"):
        shared.call(_refuse)


def test_several_are_warm_and_end_together() -> None:
    with forges(2) as warm:
        pids = [_pid(forge) for forge in warm]
        for forge in warm:
            forge.begin(tiny.repetition())
        assert all(forge.evidence().said for forge in reversed(warm))
    assert all(ends(pid) for pid in pids)
