"""What the page says: the run's facts, what cannot be believed and why, the matrix, a sentence per cell, the charts.

The rule: everything is decided and worded here, as plain data; the template only places it. What is invalid or was not
measured is said first and in every table.
"""

import base64
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from lab.analysis import words
from lab.analysis.summary import Row, Summary
from lab.model.units import NS_PER_S, format_duration
from lab.report.captions import CAPTIONS
from lab.report.endings import Ending, endings
from lab.report.matrix import Matrix, matrix
from lab.trace.files import storage_errors
from lab.trace.run_info import CellInfo, RunInfo
from lab.trace.store import Run


@dataclass(frozen=True)
class Notice:
    """A cell that shows no figures, or only some: `kind` is "skipped", "invalid" or "not run"."""

    cell: str
    kind: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Chart:
    """A picture with how to read it; `source` is a data URI, so that the page needs no other file."""

    title: str
    caption: str
    source: str


@dataclass(frozen=True)
class CellNote:
    """A cell in words."""

    cell: str
    axes: str
    sentence: str


@dataclass(frozen=True)
class RepetitionNote:
    """A repetition and its error bars, in words."""

    cell: str
    rep: int
    slot: int
    state: str
    reasons: str
    error_bars: str


@dataclass(frozen=True)
class Page:
    """Everything on the page, in its order."""

    title: str
    description: str
    facts: list[tuple[str, str]]
    verdict: str
    notices: list[Notice]
    matrix: Matrix
    notes: list[CellNote]
    charts: list[Chart]
    endings: list[Ending]
    repetitions: list[RepetitionNote]
    environment: list[tuple[str, str]]
    commands: list[str]
    directory: str
    scenario: str


def page(run: Run, summary: Summary, charts: Sequence[Path]) -> Page:
    """Word the page of `run`. `charts` are the picture files; the SVG ones are put into it. Raises StorageError."""
    header = run.info.scenario.get("scenario")
    known = header if isinstance(header, dict) else {}
    notices = list(_notices(run.info, summary))
    return Page(
        title=str(known.get("name") or run.path.name),
        description=str(known.get("description") or ""),
        facts=_facts(run.info),
        verdict=_verdict(run.info, notices),
        notices=notices,
        matrix=matrix(summary),
        notes=[_note(row, summary) for row in summary.cells],
        charts=[_chart(path) for path in charts if path.suffix == ".svg"],
        endings=endings(run.table("streams")),
        repetitions=list(_repetitions(run.info)),
        environment=_environment(run.info.environment),
        commands=_commands(run.info),
        directory=run.path.name,
        scenario=json.dumps(run.info.scenario, indent=2, ensure_ascii=False),
    )


def _facts(info: RunInfo) -> list[tuple[str, str]]:
    status = info.status
    return [
        ("Scenario", info.source),
        ("Started", info.started),
        (
            "Cells",
            f"{status.cells}, of which {status.cells_skipped} skipped" if status.cells_skipped else f"{status.cells}",
        ),
        ("Repetitions", f"{status.filled} valid of {status.planned} planned"),
        ("Seed", str(info.seed)),
        ("Network path", ", ".join(sorted({cell.backend for cell in info.cells if cell.backend})) or words.UNMEASURED),
    ]


def _verdict(info: RunInfo, notices: Sequence[Notice]) -> str:
    """The first line under the title: can this be believed?"""
    unfinished = "" if info.finished else "The run did not finish; this is what it has so far. "
    if not notices:
        return f"{unfinished}Every cell has figures that can be believed."
    concerned = len({notice.cell for notice in notices})
    return f"{unfinished}There are no figures for {concerned} of {words.count(len(info.cells), 'cell')}:"


def _notices(info: RunInfo, summary: Summary) -> Iterator[Notice]:
    for cell, row in zip(info.cells, summary.cells, strict=True):
        if cell.skipped is not None:
            yield Notice(cell.cell, "skipped", cell.skipped.reason, cell.skipped.remedy)
        elif row.valid is None:
            yield Notice(cell.cell, "not run", "the run ended before its first repetition", "Resume the run.")
        elif not row.valid:
            yield Notice(cell.cell, "invalid", _why_invalid(info, cell), "Run it again on a quieter machine.")


def _why_invalid(info: RunInfo, cell: CellInfo) -> str:
    entries = [entry for entry in info.repetitions if entry.cell == cell.cell]
    reasons = [reason for entry in entries for reason in (*entry.reasons, *([entry.error] if entry.error else []))]
    return "; ".join(dict.fromkeys(reasons)) or "no repetition was valid"


def _note(row: Row, summary: Summary) -> CellNote:
    nothing = "Not run." if row.valid is None else "No valid repetition, so nothing can be said."
    return CellNote(row.cell, words.axes(row.axes), summary.sentences.get(row.cell, nothing))


def _chart(path: Path) -> Chart:
    title, caption = CAPTIONS[path.stem]
    with storage_errors("read", path):
        picture = base64.b64encode(path.read_bytes()).decode()
    return Chart(title, caption, f"data:image/svg+xml;base64,{picture}")


def _repetitions(info: RunInfo) -> Iterator[RepetitionNote]:
    for entry in info.repetitions:
        state = "valid" if entry.valid else "failed" if entry.error else "invalid"
        reasons = "; ".join([*entry.reasons, *([entry.error] if entry.error else [])])
        bars = ", ".join(_error_bar(name, value) for name, value in entry.error_bars.items())
        yield RepetitionNote(entry.cell, entry.rep, entry.slot, state, reasons, bars)


def _error_bar(key: str, value: float | None) -> str:
    """`emit_lag_ms` → `emit lag 0.05 ms`."""
    name, _, unit = key.rpartition("_")
    text = words.UNMEASURED if value is None else words.ms(value if unit == "ms" else value / 1000)
    return f"{name.replace('_', ' ')} {text}"


def _environment(environment: dict[str, JsonValue]) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in environment.items()
    ]


def _commands(info: RunInfo) -> list[str]:
    if "load" in info.scenario:  # no scenario file: the source is the command itself
        return [info.source]
    words = ["lab", "run", info.source, "--seed", str(info.seed), "--repeat", str(info.repeat)]
    for option, settings in (("--set", info.overrides), ("--only", info.only)):
        for key, value in settings.items():
            words += [option, f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    if wish := info.until_decided:
        limit = format_duration(round(wish.max_time_s * NS_PER_S))
        words += ["--until-decided", f"{wish.axis}={wish.base}", "--max-time", limit]
    return [shlex.join(words)]
