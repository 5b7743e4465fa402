"""What becomes of a run in a test: every line that fails it, and what merely was not to be had."""

from pathlib import Path

import pytest

from lab.gate.check import Wishes, check
from lab.gate.figures import Figures
from lab.testing.judgement import judge
from tests.gate.made_up import cell, run, steady, two_sided

BUDGETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "kept": ("ttfc_ms avg<200", ()),
    "breached": ("ttfc_ms avg<50", ("breached: nagle: ttfc_ms avg<50: 100 ms", "breached: nodelay: ")),
    "undecided": ("ttfc_ms p(95)<200", ("nagle: ttfc_ms p(95)<200: ", "about 47 more repetitions would decide")),
    "not measured": (
        "path_error_ms_p99 value<1",
        ("nagle: path_error_ms_p99 value<1: path_error_ms_p99 was not measured",),
    ),
}


@pytest.mark.parametrize(("budget", "words"), BUDGETS.values(), ids=BUDGETS)
def test_a_budget_that_is_not_surely_kept_fails(tmp_path: Path, budget: str, words: tuple[str, ...]) -> None:
    figures = Figures(two_sided(tmp_path, steady(100), steady(100)))
    judgement = judge(figures.run.info, check(figures, Wishes(budgets=(budget,))))
    assert bool(judgement.failures) == bool(words)
    assert [word for word in words if word not in "\n".join(judgement.failures)] == []
    assert judgement.lacking == ()


SIDES: dict[str, tuple[list[float], str]] = {
    "same": (steady(100), ""),
    "better": (steady(60), ""),
    "worse": (steady(150), "nagle against nodelay: ttfc_ms_p50 100 ms → 150 ms"),
    "undecided": ([100.0, 150.0], "more repetitions would decide"),
}


@pytest.mark.parametrize(("head", "words"), SIDES.values(), ids=SIDES)
def test_a_comparison_fails_unless_it_is_same_or_better(tmp_path: Path, head: list[float], words: str) -> None:
    figures = Figures(two_sided(tmp_path, steady(100), head))
    judgement = judge(figures.run.info, check(figures, Wishes(axis="server.nodelay", base="true")))
    assert bool(judgement.failures) == bool(words)
    assert words in "\n".join(judgement.failures)


def test_what_was_skipped_is_no_failure_and_hides_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_REQUIRE", raising=False)
    cells = {"near": cell("near", {"path": "loopback"}), "far": cell("far", {"path": "wifi"}, skipped=True)}
    figures = Figures(run(tmp_path, cells, {"near": steady(100)}))
    kept = judge(figures.run.info, check(figures, Wishes(budgets=("ttfc_ms avg<200",))))
    assert kept == ((), ("needs far: no TUN device. Run as root.",))
    breached = judge(figures.run.info, check(figures, Wishes(budgets=("ttfc_ms avg<50",))))
    assert len(breached.failures) == 1
    assert breached.failures[0].startswith("breached: near: ")


def test_where_nothing_may_be_skipped_it_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_REQUIRE", "all")
    cells = {"near": cell("near", {"path": "loopback"}), "far": cell("far", {"path": "wifi"}, skipped=True)}
    judgement = judge(run(tmp_path, cells, {"near": steady(100)}).info, None)
    assert judgement == (("not a measurement: far had to run and was skipped: no TUN device. Run as root.",), ())


def test_no_figure_is_made_of_repetitions_that_cannot_be_believed(tmp_path: Path) -> None:
    figures = Figures(two_sided(tmp_path, steady(100), [None] * 12))
    (failure,) = judge(figures.run.info, None).failures
    assert failure == "not a measurement: nagle has no valid repetition: the client read late"


def test_a_run_that_was_not_finished_fails(tmp_path: Path) -> None:
    cells = {"near": cell("near", {"path": "loopback"})}
    figures = Figures(run(tmp_path, cells, {"near": steady(100)}, finished=False))
    (failure,) = judge(figures.run.info, check(figures, Wishes(budgets=("ttfc_ms avg<200",)))).failures
    assert "not finished" in failure
