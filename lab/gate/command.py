"""`lab check` and `lab baseline` from their first word to their last.

The rule: files are written before anything is said, stdout holds the table or the JSON document and nothing else, and what a
person or GitHub should know beside it goes to stderr.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab.errors import UsageError
from lab.gate import wording
from lab.gate.annotations import annotations
from lab.gate.baseline import baseline_of, write_baseline
from lab.gate.check import Wishes, check
from lab.gate.document import document
from lab.gate.figures import Figures
from lab.gate.junit import junit
from lab.gate.markdown import markdown
from lab.gate.terminal import tables
from lab.gate.verdicts import Check
from lab.trace.files import write_text
from lab.trace.store import open_run

# Wide enough for a comparison on one line wherever the output goes to a file or a CI log.
_PLAIN_WIDTH = 180


@dataclass(frozen=True)
class Outputs:
    """Where the check is told, beside the terminal."""

    junit: Path | None = None
    markdown: Path | None = None
    as_json: bool = False


def run_check(run: Path, wishes: Wishes, outputs: Outputs) -> int:
    """Check a run, tell, and return the exit code. Raises UsageError, StorageError."""
    _refuse_nonsense(wishes)
    found = check(Figures(open_run(run)), wishes)
    if outputs.junit:
        write_text(outputs.junit, junit(found))
    if outputs.markdown:
        write_text(outputs.markdown, markdown(found))
    _tell(found, outputs.as_json)
    return found.exit_code


def _refuse_nonsense(wishes: Wishes) -> None:
    if bool(wishes.axis) != bool(wishes.base):
        raise UsageError("--axis and --base belong together: which axis, and which of its values is the base")
    if wishes.axis and wishes.baseline:
        raise UsageError("--baseline compares with another run and --axis within this one: give one of them")


def _tell(found: Check, as_json: bool) -> None:
    if as_json:
        print(json.dumps(document(found), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
        for table in tables(found):
            console.print(table)
        print(wording.headline(found))
    for note in (*found.problems, *found.notes):
        print(f"lab: {note}", file=sys.stderr)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations(found):  # the runner reads both streams, and stdout may be a document
            print(line, file=sys.stderr)


def make_baseline(run: Path, out: Path) -> int:
    """Write the baseline of a run. Raises UsageError, StorageError."""
    made = baseline_of(Figures(open_run(run)))
    write_baseline(made, out)
    counts = ", ".join(f"{cell.cell} ({len(cell.slots)} repetitions)" for cell in made.cells)
    print(f"{out}: {counts}")
    return 0
