"""The report of a run, from its stored trace alone: tables for machines, charts, and the page for people.

The rule: nothing here was kept from the measurement but the trace, so an old run can be reported again with a newer lab.
Every file appears whole or not at all.
"""

from pathlib import Path

import jinja2

from lab.analysis.summary import Summary, summarise
from lab.charts.draw import draw_all
from lab.report.page import Page, page
from lab.trace.files import write_text
from lab.trace.store import Run

REPORT_FILE = "report.html"


def build_report(run: Run) -> Path:
    """Write summary.csv, repetitions.csv, charts/ and report.html of `run`; return the page's path. Raises StorageError."""
    summary = summarise(run)
    write_summary(run, summary)
    charts = draw_all(run, run.path / "charts", summary)
    out = run.path / REPORT_FILE
    write_text(out, render(page(run, summary, charts)))
    return out


def write_summary(run: Run, summary: Summary) -> None:
    """Write `summary.csv` and `repetitions.csv`. Raises StorageError."""
    write_text(run.path / "summary.csv", summary.cells_csv())
    write_text(run.path / "repetitions.csv", summary.repetitions_csv())


def render(content: Page) -> str:
    """Return the page as HTML. Whatever came from a stream, a server or a scenario is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lab.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(page=content)
