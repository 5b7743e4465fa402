"""The gate on real repetitions: how often it errs on identical code and what it finds, beside a plain rule for p95.

    python -m tests.benchmarks.gate_proof --out results --markdown FILE        # two runs, then the tables
    python -m tests.benchmarks.gate_proof --runs QUIET HOGGED --markdown FILE  # the tables again, from stored runs

One interleaved run for each condition, a quiet machine and one with a CPU hog and a disk hog, holds everything
(`injections`); checks are drawn from it (`tests.gate.trials`). The rule: repetitions count or do not as in any run of the
lab, and the verdicts are the gate's. GATE_PROOF_REPEAT makes a trial run of fewer repetitions.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.analysis.words import UNMEASURED
from lab.gate.figures import Figures
from lab.model.matrix import expand
from lab.model.units import NS_PER_S
from lab.run import runs
from lab.run.forge import forges
from lab.run.matrix import resolve_paths
from lab.run.progress import watcher
from lab.session import measure
from lab.trace.files import write_text
from lab.trace.run_info import RunInfo
from lab.trace.store import Run, open_run
from tests.benchmarks import hogs
from tests.benchmarks.injections import Injection, Proof, pools, proof
from tests.gate.trials import METRIC, Identical, Injected, identical, injected, rate

# The pool: repetitions of each cell, and so pairs. On a quiet machine they take 4 minutes; beside hogs, where some attempts
# are invalid and are made again, up to twice as long.
POOL = int(os.environ.get("GATE_PROOF_REPEAT", "32"))
# Of a check: those of scenarios/ci.toml.
PAIRS = 12
CHECKS = TRIALS = 200
_SEED = 1

CONDITIONS: dict[str, Callable[[Path], contextlib.AbstractContextManager[object]]] = {
    "quiet": contextlib.nullcontext,
    "hogs": hogs.beside,
}


@dataclass(frozen=True)
class Condition:
    """What was found in one run."""

    name: str
    run: RunInfo
    identical: Identical
    pools: list[int]
    injected: list[Injected]


def collected(out: Path, repeat: int = POOL) -> list[Run]:
    """Measure under every condition, into directories under `out`."""
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for name, beside in CONDITIONS.items():
        print(f"gate proof: {name}: {repeat} repetitions of each cell", file=sys.stderr, flush=True)
        with beside(out):
            found.append(_measured(proof(repeat), out))
    return found


def _measured(made: Proof, out: Path) -> Run:
    cells = expand(made.scenario)
    with forges(1) as warm, watcher() as watching:
        run = runs.create(made.scenario, {}, cells, resolve_paths(warm[0], cells), out)
        measure(run, warm, watching)
    return run


def judged(found: Sequence[Run]) -> list[Condition]:
    """The checks and trials of each condition's run."""
    return [_judged(name, run) for name, run in zip(CONDITIONS, found, strict=True)]


def _judged(name: str, run: Run) -> Condition:
    made = proof(run.info.repeat)
    of = pools(made, Figures(run))
    print(f"gate proof: {name}: {CHECKS} checks, {len(of.injected)} × {TRIALS} trials", file=sys.stderr, flush=True)
    family = len(of.identical)
    return Condition(
        name,
        run.info,
        identical(of.identical, PAIRS, CHECKS, _SEED),
        [len(pair.in_common(METRIC)[0]) for pair in (*of.identical, *of.injected)],
        [injected(pair, family, PAIRS, TRIALS, _SEED + number) for number, pair in enumerate(of.injected, start=1)],
    )


# ---- In words


def report(found: Sequence[Condition]) -> str:
    """Both tables and what they were drawn from, as Markdown that can be read as it is."""
    injections = proof(POOL).injections
    power = [_power(each, [condition.injected[n] for condition in found]) for n, each in enumerate(injections)]
    columns = [f"{what}, {condition.name}" for condition in found for what in ("found", "plain p95", "pairs for half")]
    return "\n".join(
        [
            *(f"- {_pool(condition)}" for condition in found),
            "",
            *_table(
                ["identical code", "checks", "worse", "undecided", "invalid", "better", "plain p95: worse"],
                [_errors(condition) for condition in found],
            ),
            "",
            *_table(["regression", "cell", "TTFC", "effect", *columns], power),
            "",
            f"Each check has {PAIRS} pairs of each cell, or as many as there are, drawn from the pool without "
            "replacement, in their order; in brackets the one-sided 95 % bound. A regression is judged in its one cell "
            "alone, corrected for all compared cells. Plain p95: worse when the p95 of the one side is more than 10 % "
            "above that of the other, on the same figures. Pairs for half: with so many, half of the draws are worse. "
            "* at least 10 % and 2 ms.",
            "",
        ]
    )


def _pool(condition: Condition) -> str:
    info, status = condition.run, condition.run.status
    begun_ns = min(each.started_ns for each in info.repetitions)
    minutes = (max(each.finished_ns for each in info.repetitions) - begun_ns) / NS_PER_S / 60
    return (
        f"{condition.name}: a pool of {min(condition.pools)} to {max(condition.pools)} pairs a cell; {status.cells} cells × "
        f"{info.repeat} repetitions in {minutes:.1f} min; {status.invalid} attempts were invalid, {status.failed} failed, "
        f"{status.planned - status.filled} of {status.planned} places stayed empty"
    )


def _errors(condition: Condition) -> list[str]:
    of = condition.identical
    shares = [rate(count, of.checks) for count in (of.worse, of.undecided, of.invalid, of.better, of.plain_worse)]
    return [condition.name, str(of.checks), *shares]


def _power(injection: Injection, found: Sequence[Injected]) -> list[str]:
    first = found[0]
    said = [f"{injection.name}{' *' if injection.large else ''}", injection.base, *_size(first)]
    for each in found:
        half = "more than the pool" if each.pairs_for_half is None else str(each.pairs_for_half)
        said += [_percent(each.found, each.trials), _percent(each.plain_found, each.trials), half]
    return said


def _size(found: Injected) -> list[str]:
    """The base, and the effect in both units."""
    if found.base_ms is None or found.effect_ms is None:
        return [UNMEASURED] * 2
    share = found.effect_ms / found.base_ms
    return [f"{found.base_ms:.1f} ms", f"{found.effect_ms:+.1f} ms ({100 * share:+.1f} %)"]


def _percent(count: int, total: int) -> str:
    return f"{100 * count / total:.1f} %"


def _table(titles: list[str], rows: list[list[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, ["-" * width for width in widths], *rows):
        yield f"| {' | '.join(field.ljust(width) for field, width in zip(row, widths, strict=True))} |"


def main() -> None:
    """Collect or open, judge, tell."""
    parser = argparse.ArgumentParser(
        prog="gate_proof", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("results"), help="where the runs go")
    parser.add_argument("--markdown", type=Path, help="a file for the tables")
    parser.add_argument("--runs", type=Path, nargs=len(CONDITIONS), metavar="RUN", help="measure nothing, judge these")
    asked = parser.parse_args()
    found = [open_run(path) for path in asked.runs] if asked.runs else collected(asked.out)
    text = report(judged(found))
    print(text)
    if asked.markdown:
        write_text(asked.markdown, text)


if __name__ == "__main__":
    main()
