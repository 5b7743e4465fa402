"""`--until-decided`: who gets more repetitions, how many, and when it ends."""

from pathlib import Path

import pytest

from lab.errors import UsageError
from lab.gate.figures import Figures
from lab.gate.until import extend, refuse_unless_comparable
from lab.trace.run_info import UntilDecided
from lab.trace.store import Run
from tests.gate import made_up
from tests.gate.made_up import cell, steady, two_sided
from tests.run import tiny


def _wish(max_time_s: float = 100.0, spent_s: float = 10.0) -> UntilDecided:
    return UntilDecided(axis="server.nodelay", base="true", max_time_s=max_time_s, spent_s=spent_s)


def test_what_is_decided_ends_it(tmp_path: Path) -> None:
    wish = _wish()
    assert extend(Figures(two_sided(tmp_path, steady(100), steady(101))), wish) == "decided: 1 same"
    assert (wish.over, wish.more) == (True, {})


def _four(tmp_path: Path) -> Run:
    """A pair that is decided and one that has too few repetitions."""
    cells = {
        name: cell(name, {"path": path, "server.nodelay": nodelay})
        for name, path, nodelay in (("a", "lan", True), ("b", "lan", False), ("c", "wifi", True), ("d", "wifi", False))
    }
    figures = {"a": steady(100, 7), "b": steady(100, 7), "c": steady(100, 6), "d": steady(120, 6)}
    return made_up.run(tmp_path, cells, figures)


def test_only_an_undecided_pair_gets_more_and_an_even_number(tmp_path: Path) -> None:
    wish, figures = _wish(), Figures(_four(tmp_path))
    assert extend(figures, wish) == "undecided: d: up to 2 more repetitions, 90 s left"
    assert wish.more == {"c": 2, "d": 2}
    assert not wish.over
    extend(figures, wish)
    assert wish.more == {"c": 4, "d": 4}


def test_a_base_that_has_more_already_gets_none_for_the_other_pairs(tmp_path: Path) -> None:
    cells = {name: cell(name, {"server.nodelay": value}) for name, value in (("a", True), ("b", False), ("c", "other"))}
    run = made_up.run(tmp_path, cells, {"a": steady(100, 6), "b": steady(130, 6), "c": steady(140, 6)})
    wish = _wish()
    wish.more = {"a": 2, "b": 2}
    extend(Figures(run), wish)
    assert wish.more == {"a": 4, "b": 4, "c": 2}


@pytest.mark.parametrize(("max_time_s", "over"), [(10.0, True), (11.5, True), (11.6, False)])
def test_none_is_added_that_would_end_after_the_time(tmp_path: Path, max_time_s: float, over: bool) -> None:
    """26 repetitions took 10 s, so four more would take 1.54 s."""
    wish = _wish(max_time_s)
    said = extend(Figures(_four(tmp_path)), wish)
    assert wish.over == over
    assert said.endswith("the time is over") == over


def test_what_no_number_of_repetitions_would_decide_ends_it(tmp_path: Path) -> None:
    base, wish = steady(100), _wish()
    on_the_floor = [1.05 * value + (1 if n % 2 else -1) for n, value in enumerate(base)]
    said = extend(Figures(two_sided(tmp_path, base, on_the_floor)), wish)
    assert said == "undecided: nagle: and more repetitions would not decide"
    assert wish.over


def test_the_run_counts_the_slots_that_were_added(tmp_path: Path) -> None:
    info = _four(tmp_path).info
    info.until_decided = UntilDecided(axis="a", base="b", max_time_s=1, more={"c": 2, "d": 4})
    assert info.slots() == {"a": 7, "b": 7, "c": 9, "d": 11}
    assert info.status.planned == 34


def test_a_wish_that_no_cells_can_meet_is_refused_before_anything_runs() -> None:
    cells = tiny.cells(tiny.TWO_FLUSHES)
    refuse_unless_comparable(cells, UntilDecided(axis="server.flush", base="every", max_time_s=1))
    for axis, base in (("server.flush", "none"), ("path", "lan")):
        with pytest.raises(UsageError, match=f"--axis {axis}|--base {base}"):
            refuse_unless_comparable(cells, UntilDecided(axis=axis, base=base, max_time_s=1))
