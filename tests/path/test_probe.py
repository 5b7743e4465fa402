"""Probing: an answer for every capability, once, with reason and remedy, and without a trace in the prober."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import CapabilityError
from lab.path import probe as probe_module
from lab.path.probe import names, probe


@pytest.fixture
def fresh() -> Iterator[None]:
    """Answers of this test only."""
    probe.cache_clear()
    yield
    probe.cache_clear()


@pytest.mark.parametrize("name", names())
def test_every_answer_is_complete(name: str) -> None:
    capability = probe(name)
    assert capability.name == name
    assert capability.meaning
    assert capability.works == (not capability.reason) == (not capability.remedy)


def _own_namespaces() -> list[str]:
    return [os.readlink(link) for link in sorted(Path("/proc/self/ns").iterdir())]


def test_probing_leaves_the_prober_where_it_was(fresh: None) -> None:
    before = _own_namespaces(), os.getresuid(), os.sched_getscheduler(0)
    for name in names():
        probe(name)
    assert (_own_namespaces(), os.getresuid(), os.sched_getscheduler(0)) == before


def _refuse() -> None:
    raise CapabilityError("make a namespace", "Operation not permitted", "Become root")


def _crash() -> None:
    raise ZeroDivisionError("a fault of ours")


def _die() -> None:
    os._exit(9)


TRIALS = {
    "refused": (_refuse, "make a namespace: Operation not permitted", "Become root"),
    "our own fault": (_crash, "a fault of ours", "report"),
    "killed": (_die, "exit code 9", "report"),
}


@pytest.mark.parametrize(("trial", "reason", "remedy"), TRIALS.values(), ids=TRIALS)
def test_what_failed_comes_back(
    trial: object, reason: str, remedy: str, fresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(probe_module._TRIALS, "tun", ("a path", trial))
    capability = probe("tun")
    assert not capability.works
    assert reason in capability.reason
    assert remedy in capability.remedy


def test_each_is_tried_once(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = tmp_path / "marks"

    def trial() -> None:
        with marks.open("a") as file:
            file.write("tried\n")

    monkeypatch.setitem(probe_module._TRIALS, "tun", ("a path", trial))
    assert probe("tun") is probe("tun")
    assert marks.read_text() == "tried\n"
