"""`run.json` keeps what was run and what came of it, through kills, re-runs and later versions of the lab."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.errors import StorageError, UsageError
from lab.trace.run_info import RUN_FILE, CellInfo, RepetitionInfo, RunInfo, Skipped, SocketOption
from tests.synthetic import made_up_run, settings


def attempt(cell: str, rep: int, slot: int, valid: bool, error: str | None = None) -> RepetitionInfo:
    return RepetitionInfo(cell=cell, rep=rep, slot=slot, valid=valid, started_ns=1, finished_ns=2, error=error)


def info(repetitions: list[RepetitionInfo], cells: int = 2, skipped: int = 0, repeat: int = 2) -> RunInfo:
    reason = Skipped(reason="no TUN", remedy="Run as root.")
    points = [
        CellInfo(cell=f"c{n}", axes={}, settings=settings(), skipped=reason if n >= cells - skipped else None)
        for n in range(cells)
    ]
    return RunInfo(
        scenario={},
        source="x",
        seed=1,
        repeat=repeat,
        started="2026-01-02T03:04:05Z",
        cells=points,
        repetitions=repetitions,
    )


def test_it_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    sockets = {"server": {"TCP_NODELAY": SocketOption(asked=True, got=1)}}
    run.info.repetitions[0] = run.info.repetitions[0].model_copy(update={"sockets": sockets})
    run.info.save(tmp_path / RUN_FILE)
    assert RunInfo.load(tmp_path / RUN_FILE) == run.info


AXES: dict[str, Any] = {
    "switch": False,
    "number": 2,
    "ratio": 0.5,
    "text": "20ms",
    "table": {"model": "drop-list", "packets": [40]},
}


@pytest.mark.parametrize("value", AXES.values(), ids=AXES)
def test_an_axis_value_keeps_its_kind(value: Any, tmp_path: Path) -> None:
    before = info([])
    before.cells[0] = CellInfo(cell="c0", axes={"a.b": value}, settings={})
    before.save(tmp_path / RUN_FILE)
    after = RunInfo.load(tmp_path / RUN_FILE).cells[0].axes["a.b"]
    assert (type(after), after) == (type(value), value)


def test_an_unmeasured_error_bar_is_null(tmp_path: Path) -> None:
    bars = {"emit_lag_ms": 0.25, "slack_us": None}
    info([attempt("c0", 1, 1, True).model_copy(update={"error_bars": bars})]).save(tmp_path / RUN_FILE)
    assert json.loads((tmp_path / RUN_FILE).read_text())["repetitions"][0]["error_bars"] == bars


COUNTS: dict[str, tuple[RunInfo, dict[str, int]]] = {
    "nothing yet": (info([]), {"planned": 4, "filled": 0, "invalid": 0, "failed": 0}),
    "half done": (info([attempt("c0", 1, 1, True), attempt("c0", 2, 2, True)]), {"planned": 4, "filled": 2}),
    "run again": (info([attempt("c0", 1, 1, False), attempt("c0", 2, 1, True)]), {"filled": 1, "invalid": 1}),
    "given up": (info([attempt("c0", n, 1, False) for n in (1, 2, 3)]), {"filled": 0, "invalid": 3}),
    "broken": (info([attempt("c0", 1, 1, False, "the client died")]), {"invalid": 0, "failed": 1}),
    "a cell skipped": (info([], skipped=1), {"cells": 2, "cells_skipped": 1, "planned": 2}),
}


@pytest.mark.parametrize(("run", "expected"), COUNTS.values(), ids=COUNTS)
def test_the_status_line_counts_slots_and_attempts(run: RunInfo, expected: dict[str, int]) -> None:
    assert expected.items() <= run.status.model_dump().items()


def test_a_repetition_that_is_run_again_gets_the_next_number_of_its_cell() -> None:
    run = info([attempt("c0", 1, 1, False), attempt("c0", 2, 1, True), attempt("c1", 1, 1, True)])
    assert [run.next_rep(cell) for cell in ("c0", "c1", "unheard of")] == [3, 2, 1]


SETTINGS = {
    "a key": ("client.arrivals", "together"),
    "nested": ("path.up.delay", "20ms"),
    "a table": ("path.backend", "auto"),
    "no such key": ("client.colour", None),
    "below a value": ("client.arrivals.kind", None),
}


@pytest.mark.parametrize(("key", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_is_found_by_its_dotted_key(key: str, expected: str | None) -> None:
    assert info([]).setting("c0", key) == expected


def test_an_unknown_cell_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="c0, c1"):
        info([]).cell("c9")


TORN = {"cut": '{"format_version": 1, "scen', "empty": "", "no object": "[]", "a key missing": '{"format_version": 1}'}


@pytest.mark.parametrize("text", TORN.values(), ids=TORN)
def test_a_torn_index_is_an_error_that_names_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(text)
    with pytest.raises(StorageError, match=r"run\.json"):
        RunInfo.load(tmp_path / RUN_FILE)


def test_a_later_format_is_refused_and_a_later_key_is_not(tmp_path: Path) -> None:
    made_up_run(tmp_path)
    path = tmp_path / RUN_FILE
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"key_of_the_future": 1}))
    RunInfo.load(path)
    path.write_text(json.dumps(document | {"format_version": 2}))
    with pytest.raises(UsageError, match="format 2"):
        RunInfo.load(path)
