"""The scenario of the gate's proof: what it compares, and what each injection changes."""

from lab.model.matrix import expand
from tests.benchmarks.injections import proof

PROOF = proof(7)
CELLS = {cell.name: cell for cell in expand(PROOF.scenario)}


def test_it_holds_the_gates_own_cells_twice_and_each_injection_once() -> None:
    names = [*PROOF.identical, *PROOF.identical.values(), *(each.cell for each in PROOF.injections)]
    assert list(CELLS) == names
    assert PROOF.scenario.header.repeat == 7
    assert len(PROOF.identical) == 4


def test_identical_is_identical() -> None:
    for base, copy in PROOF.identical.items():
        assert CELLS[base].spec == CELLS[copy].spec


def test_an_injection_differs_from_its_base_in_what_it_says_alone() -> None:
    for each in PROOF.injections:
        base, spec = (CELLS[name].spec.model_dump() for name in (each.base, each.cell))
        (key,) = each.settings
        assert [table for table in base if base[table] != spec[table]] == [key.partition(".")[0]], each.name


def test_one_more_rtt_is_one_more() -> None:
    (injection,) = [each for each in PROOF.injections if each.name == "one more RTT"]
    assert CELLS[injection.cell].spec.path.rtt_ns == 2 * CELLS[injection.base].spec.path.rtt_ns


def test_what_the_gate_has_to_find_is_a_tenth_and_two_milliseconds() -> None:
    small = {(each.name, each.base.partition("-")[0]) for each in PROOF.injections if not each.large}
    assert small == {("+5 %", "loopback"), ("+5 %", "fibre"), ("+2 ms", "loopback")}
