"""What is remembered of a machine, for which machine it holds, and what `--jobs` is told by it."""

from pathlib import Path
from typing import Any

import pytest

from lab.errors import StorageError, UsageError
from lab.run.calibration import memory
from tests.run.calibration import found
from tests.run.calibration.found import LATE

AGAIN = "lab doctor --calibrate"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user's cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_remembered_is_recalled(cache: Path) -> None:
    memory.remember(found.calibration(jobs=found.jobs(None)))
    memory.remember(found.whole())
    assert memory.recall() == found.whole()
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["calibration.json"]


@pytest.mark.parametrize("home", ["", "relative/path"])
def test_without_a_usable_variable_it_is_below_the_home_directory(
    home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert memory.place() == tmp_path / ".cache" / "typewriter-lab" / "calibration.json"


def test_a_place_that_refuses_is_named(cache: Path) -> None:
    cache.write_text("in the way")
    with pytest.raises(StorageError, match=f"keep the calibration in {cache}"):
        memory.remember(found.whole())


OTHERS: dict[str, dict[str, Any]] = {
    "kernel": {"kernel": "2.4.0"},
    "cpu": {"cpu": "another"},
    "cpus": {"cpus": 512},
    "cpu_limit": {"cpu_limit": "1 100000"},
    "lab": {"lab": "0.0.0"},
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_it_holds_for_no_other_machine(change: dict[str, Any]) -> None:
    whole = found.whole()
    memory.remember(whole.model_copy(update={"machine": {**whole.machine, **change}}))
    (key,) = change
    with pytest.raises(UsageError, match=f"not of this machine .*{key} was .* and is .*{AGAIN}"):
        memory.recall()


def test_a_torn_or_an_older_one_is_none() -> None:
    memory.remember(found.whole().model_copy(update={"format_version": 0}))
    with pytest.raises(UsageError, match=f"another lab's.*{AGAIN}"):
        memory.recall()
    memory.place().write_text('{"format_version": 1')
    with pytest.raises(UsageError, match=f"cannot be read.*{AGAIN}"):
        memory.recall()


# The number asked for, what was found, and what is said against it.
JOBS: dict[str, tuple[int, Any, list[str]]] = {
    "one needs no calibration": (1, None, []),
    "two need one": (2, None, ["--jobs 2: this machine has not been calibrated", AGAIN]),
    "as many as are borne": (2, found.whole(), []),
    "more than are borne": (3, found.whole(), ["bears 2 at a time", f"(at 3: {LATE})", "--jobs 2", AGAIN]),
    "more than were tried": (
        9,
        found.calibration(jobs=found.jobs(None, None)),
        ["bears 2 at a time", "(no more were tried)"],
    ),
    "not even two": (2, found.calibration(jobs=found.jobs(LATE)), ["bears 1 at a time", f"(at 1: {LATE})", "--jobs 1"]),
    "what could not be measured": (2, found.without_tun(), ["could not be measured", "no TUN. modprobe tun"]),
}


@pytest.mark.parametrize(("jobs", "calibration", "said"), JOBS.values(), ids=JOBS)
def test_what_jobs_is_told(jobs: int, calibration: Any, said: list[str]) -> None:
    if calibration is not None:
        memory.remember(calibration)
    if not said:
        memory.require(jobs)
        return
    with pytest.raises(UsageError) as caught:
        memory.require(jobs)
    assert [part for part in said if part not in str(caught.value)] == [], str(caught.value)
