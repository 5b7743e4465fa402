"""What a run amounts to: its exit code, and the words for what is missing."""

from typing import Any

import pytest

from lab.run import outcome
from lab.trace.run_info import CellInfo, RepetitionInfo, RunInfo, Skipped

SKIPPED = Skipped(reason="no TUN device", remedy="Run as root")


def _cell(name: str = "a", *, skipped: bool = False, path: Any = None) -> CellInfo:
    settings = {} if path is None else {"path": path}
    return CellInfo(cell=name, axes={}, settings=settings, skipped=SKIPPED if skipped else None)


def _entry(rep: int = 1, *, valid: bool = True, cell: str = "a", error: str | None = None) -> RepetitionInfo:
    reasons = [] if valid or error else [f"reason {rep}"]
    return RepetitionInfo(
        cell=cell, rep=rep, slot=1, valid=valid, reasons=reasons, error=error, started_ns=0, finished_ns=0
    )


def _info(cells: list[CellInfo], entries: list[RepetitionInfo]) -> RunInfo:
    return RunInfo(scenario={}, source="x", seed=1, started="", cells=cells, repetitions=entries)


SAID = "had to run and was skipped: no TUN device. Run as root"
# Cells, repetitions, LAB_REQUIRE; exit code, and what is said of each problem.
CASES: dict[str, tuple[list[CellInfo], list[RepetitionInfo], str | None, int, list[str]]] = {
    "all is well": ([_cell()], [_entry()], None, 0, []),
    "nothing was asked": ([], [], None, 0, []),
    "invalid, then valid": ([_cell()], [_entry(1, valid=False), _entry(2)], None, 0, []),
    "never valid": (
        [_cell()],
        [_entry(1, valid=False), _entry(2, valid=False)],
        None,
        3,
        ["a has no valid repetition: reason 2"],
    ),
    "never run": ([_cell()], [], None, 3, ["a has no valid repetition"]),
    "one cell of two is never valid": (
        [_cell("a"), _cell("b")],
        [_entry(cell="a"), _entry(cell="b", valid=False)],
        None,
        3,
        ["b has no valid repetition: reason 1"],
    ),
    "a process died": (
        [_cell()],
        [_entry(1), _entry(2, valid=False, error="the relay was killed")],
        None,
        3,
        ["a #2 failed: the relay was killed"],
    ),
    "skipped": ([_cell(), _cell("b", skipped=True)], [_entry()], None, 0,
                ["b was skipped: no TUN device. Run as root"]),
    "skipped under LAB_REQUIRE=all": (
        [_cell(), _cell("b", skipped=True)], [_entry()], "all", 3, [f"b {SAID}"],
    ),
    "skipped under another LAB_REQUIRE": (
        [_cell(), _cell("b", skipped=True)], [_entry()], "some", 0, ["b was skipped: no TUN device. Run as root"],
    ),
    "skipped, and the scenario names its backend": (
        [_cell("b", skipped=True, path={"backend": "tun"})], [], None, 3, [f"b {SAID}"],
    ),
    "skipped, and any backend would have done": (
        [_cell("b", skipped=True, path={"backend": "auto"})], [], None, 0,
        ["b was skipped: no TUN device. Run as root"],
    ),
    "gravest first": (
        [_cell("b", skipped=True), _cell("a")],
        [_entry(valid=False, error="killed")],
        None,
        3,
        ["a #1 failed: killed", "a has no valid repetition", "b was skipped: no TUN device. Run as root"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "entries", "require", "code", "said"), CASES.values(), ids=CASES)
def test_exit_code_and_problems(
    monkeypatch: pytest.MonkeyPatch,
    cells: list[CellInfo],
    entries: list[RepetitionInfo],
    require: str | None,
    code: int,
    said: list[str],
) -> None:
    monkeypatch.delenv("LAB_REQUIRE", raising=False)
    if require is not None:
        monkeypatch.setenv("LAB_REQUIRE", require)
    info = _info(cells, entries)
    assert outcome.exit_code(info) == code
    assert list(outcome.problems(info)) == said
