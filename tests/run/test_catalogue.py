"""Where scenarios come from: a shipped name or a path; and what is said of what is neither."""

from pathlib import Path

import pytest

from lab.errors import ScenarioError, UsageError
from lab.model.matrix import expand
from lab.run.catalogue import load, shipped


def test_the_default_is_shipped() -> None:
    assert {"typewriter", "nagle", "buffers"} <= set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_can_be_run_and_says_what_it_shows(name: str) -> None:
    scenario = load(name, {})
    assert scenario.header.name == name
    assert scenario.header.description
    assert expand(scenario)


def test_a_file_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "my own.toml"
    file.write_text("[server]\nflush = 'end'")
    scenario = load(str(file), {"scenario.repeat": 2})
    assert (scenario.header.name, scenario.header.repeat) == ("my-own", 2)
    assert expand(scenario)[0].spec.server.flush.kind == "end"


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        load("typewritter", {})
    assert "'typewritter': No such file or directory" in str(caught.value)
    assert ", ".join(shipped()) in str(caught.value)


UNREADABLE = {"a directory": (None, "Is a directory"), "no text": (b"\xff\xfe\x00", "codec can't decode")}


@pytest.mark.parametrize(("data", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_text_file(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = tmp_path / "x.toml"
    path.mkdir() if data is None else path.write_bytes(data)
    with pytest.raises(UsageError, match=reason):
        load(str(path), {})


def test_a_mistake_inside_is_told_with_the_name_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[sever]")
    with pytest.raises(ScenarioError, match=r"x\.toml: unknown table 'sever'"):
        load(str(tmp_path / "x.toml"), {})
