"""Baselines: small, reviewable, read back as they were written, and refused when they are not what they claim to be."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from lab.errors import LabError, StorageError, UsageError
from lab.gate.baseline import FORMAT_VERSION, baseline_of, read_baseline, write_baseline
from lab.gate.figures import Figures
from lab.gate.settings import disagreement, other_machine
from tests.gate.made_up import MACHINE, steady, two_sided


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Of a run of two cells, one repetition of them invalid."""
    made = baseline_of(Figures(two_sided(tmp_path / "run", steady(100), [None, *steady(112)[1:]])))
    write_baseline(made, tmp_path / "baseline.json")
    return tmp_path / "baseline.json"


def test_it_holds_each_cell_with_its_axes_conditions_and_one_figure_a_repetition(written: Path) -> None:
    read = read_baseline(written)
    first, second = read.cells
    assert (first.cell, first.axes) == ("nodelay", {"server.nodelay": True, "path": "lan"})
    assert first.slots == list(range(1, 13))
    assert second.slots == list(range(2, 13))
    assert {round(value or 0) for value in second.samples["ttfc_ms_p50"]} == {112, 113}
    assert all(len(values) == 11 for values in second.samples.values())
    assert "path_error_ms_p99" not in first.samples
    assert first.conditions["workload.chunks"] == 40
    assert "server.nodelay" not in first.conditions
    assert read.environment["cpu"] == "a processor"


def test_it_is_small_and_each_metric_stands_on_one_line(written: Path) -> None:
    text = written.read_text()
    assert len(text) < 20_000
    lines = [line for line in text.splitlines() if '"ttfc_ms_p50"' in line]
    assert len(lines) == 2
    assert all(line.count(",") >= 11 for line in lines)
    assert json.loads(text)["format_version"] == FORMAT_VERSION


def test_it_is_written_the_same_each_time(written: Path, tmp_path: Path) -> None:
    write_baseline(read_baseline(written), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == written.read_text()


def _spoilt(document: dict[str, Any], **changes: Any) -> str:
    return json.dumps(document | changes)


SPOILT: dict[str, tuple[Any, type[LabError], str]] = {
    "empty": (lambda _: "", StorageError, "it is empty"),
    "torn": (lambda document: json.dumps(document)[:-400], StorageError, "it is torn"),
    "a list": (lambda _: "[]", UsageError, "is no baseline"),
    "something else": (lambda _: '{"cells": []}', UsageError, "is no baseline"),
    "no cells": (lambda document: _spoilt(document, cells=[]), UsageError, "has no cells"),
    "a later lab's": (lambda document: _spoilt(document, format_version=99), UsageError, "knows up to 1"),
    "cells of another kind": (lambda document: _spoilt(document, cells=[{"cell": "a"}]), StorageError, "it is torn"),
    "a figure missing": (
        lambda document: json.dumps(document).replace('"slots": [1, ', '"slots": [', 1), StorageError, "it is torn",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "error", "said"), SPOILT.values(), ids=SPOILT)
def test_what_is_no_baseline_is_refused(written: Path, spoil: Any, error: type[LabError], said: str) -> None:
    written.write_text(spoil(json.loads(written.read_text())))
    with pytest.raises(error, match=said) as caught:
        read_baseline(written)
    assert str(written) in str(caught.value)


def test_a_run_without_a_valid_repetition_makes_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nagle has no valid repetition: the client read late"):
        baseline_of(Figures(two_sided(tmp_path, [None], [None])))


KINDS: dict[str, tuple[dict[str, JsonValue], bool]] = {
    "the same": ({}, False),
    "another processor": ({"cpu": "x"}, True),
    "more of them": ({"cpus": 64}, True),
    "another kernel series": ({"kernel": "6.1.0-lab"}, True),
    "a patch of the kernel": ({"kernel": "6.18.9-lab"}, False),
    "another tick": ({"kernel_hz": 1000}, True),
    "another Python": ({"python": "3.13.1"}, False),
    "another lab": ({"lab": "0.2.0"}, False),
}


@pytest.mark.parametrize(("changes", "other"), KINDS.values(), ids=KINDS)
def test_what_makes_another_kind_of_machine(changes: dict[str, JsonValue], other: bool) -> None:
    assert bool(other_machine(MACHINE, {**MACHINE, **changes})) == other


def test_a_disagreement_names_the_condition_and_both_values() -> None:
    assert disagreement({"workload.chunks": 40}, {"workload.chunks": 40}) == ""
    said = disagreement({"workload.chunks": 40, "client.streams": 2}, {"workload.chunks": 50})
    assert said == "client.streams is 2 there and unset here, workload.chunks is 40 there and 50 here"
