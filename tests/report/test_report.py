"""The page: one file, self-contained, accessible, true about what cannot be believed, and safe against what it shows."""

import csv
import html.parser
import re
from pathlib import Path

import pyarrow as pa
import pytest

from lab.analysis.metrics import METRIC_DOCS
from lab.analysis.summary import summarise
from lab.charts.draw import CHARTS
from lab.report.build import build_report, render
from lab.report.captions import CAPTIONS
from lab.report.page import page
from lab.trace.run_info import RUN_FILE, UntilDecided
from lab.trace.store import Run, open_run, write_repetition
from tests.synthetic import made_up_run, packets, repetition, table

EVIL = "<script>alert('letter')</script>"
_VOID = {"meta", "input", "img", "br", "link"}


class Reader(html.parser.HTMLParser):
    """Reads a page strictly: every element is closed in its order; collects elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_up_run(tmp_path_factory.mktemp("runs") / "synthetic-1")


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return build_report(run).read_text()


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    return Reader(text)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def test_everything_is_made_from_the_trace(run: Run, text: str) -> None:
    made = {path.name for path in run.path.iterdir()}
    assert {"summary.csv", "repetitions.csv", "charts", "report.html"} <= made
    with (run.path / "summary.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    assert text.startswith("<!doctype html>")


def test_making_it_again_changes_nothing(run: Run, text: str) -> None:
    assert build_report(open_run(run.path)).read_text() == text


def test_every_element_is_closed(read: Reader) -> None:
    assert read.open == []


def test_the_page_needs_no_other_file_and_no_network(read: Reader) -> None:
    sources = [
        value for _, attributes in read.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert sources
    assert all(str(source).startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert not read.all("link")
    policy = next(meta for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")


def test_ids_are_unique_and_links_lead_somewhere(read: Reader) -> None:
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in read.all("a")} <= set(ids)


def test_the_matrix_can_be_sorted_by_keyboard_and_ear(read: Reader) -> None:
    sortable = [heading for heading in read.all("th") if "aria-sort" in heading]
    assert len(sortable) == len(read.all("button")) == 1 + 2 + len(METRIC_DOCS) + 1
    assert {heading["scope"] for heading in sortable} == {"col"}
    assert {heading["aria-sort"] for heading in sortable} == {"none"}
    fields = read.all("td")[: 6 * 24]
    assert all("data-sort" in field for field in fields)


def test_every_picture_has_words(read: Reader) -> None:
    pictures = read.all("img")
    assert len(pictures) == len(CHARTS)
    assert all(picture["alt"] for picture in pictures)
    assert set(CAPTIONS) == set(CHARTS)


SAID = {
    "title": "synthetic",
    "description": "Shapes of delivery",
    "skipped cell": "end-nagle skipped no TUN device: EPERM. Run as root.",
    "invalid cell": "end-nodelay invalid the client read late: 9.1 ms at p95",
    "how many show nothing": "There are no figures for 2 of 6 cells:",
    "a sentence": "then letters came in lumps of 2 on average, every 40 ms",
    "nothing to say": "No valid repetition, so nothing can be said.",
    "how to run it again": "lab run synthetic --seed 1 --repeat 2",
    "how to report again": "lab report synthetic-1",
    "environment": "kernel 6.18.0",
    "environment that is a table": '{"net.core.somaxconn": "4096"}',
    "error bars": "emit lag 50 µs, slack –",
    "where the data is": "results/README.md",
}


@pytest.mark.parametrize("words", SAID.values(), ids=SAID)
def test_the_page_says(words: str, text: str) -> None:
    assert words in plain(text)


def test_a_run_without_fault_is_said_to_be_believable(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    del run.info.cells[4:]
    run.info.repetitions[:] = [entry for entry in run.info.repetitions if entry.cell != "end-nodelay"]
    run.info.save(tmp_path / RUN_FILE)
    page_text = plain(render(page(run, summarise(run), [])))
    assert "Every cell has figures that can be believed." in page_text
    assert "Streams that did not end well" not in page_text


def test_an_unfinished_run_is_said_to_be_unfinished(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    run.info.finished = False
    run.info.repetitions.clear()
    page_text = plain(render(page(run, summarise(run), [])))
    assert "The run did not finish" in page_text
    assert "every-nagle not run" in page_text
    assert "There is nothing to draw" in page_text


def evil_tables(cell: str) -> dict[str, pa.Table]:
    """A repetition in which everything that a stranger can write is a script."""
    tables = repetition(cell, 1, streams=2)
    chunks = [row | {"text": EVIL} for row in tables["chunks"].to_pylist()]
    streams = [row | {"completion": "error", "error": EVIL} for row in tables["streams"].to_pylist()]
    return tables | {"chunks": table("chunks", chunks), "streams": table("streams", streams), "path": packets(tables)}


def test_what_a_stream_a_server_or_a_scenario_says_stays_text(tmp_path: Path) -> None:
    run = made_up_run(tmp_path)
    cell = run.info.cells[0]
    write_repetition(tmp_path, cell.cell, 1, evil_tables(cell.cell))
    run.info.cells[0] = cell.model_copy(update={"axes": {"server.command": EVIL}})
    run.info.scenario["scenario"] = {"name": EVIL, "description": EVIL}
    run.info.environment["hostname"] = EVIL
    run.info.source = EVIL
    run.info.repetitions[0] = run.info.repetitions[0].model_copy(update={"reasons": [EVIL]})
    text = render(page(run, summarise(run), []))
    assert EVIL not in text
    assert html.escape(EVIL, quote=False).split("'")[0] in text
    assert len(Reader(text).all("script")) == 1
    assert "Streams that did not end well" in plain(text)


def test_a_run_until_decided_says_so_in_its_command(run: Run) -> None:
    wish = UntilDecided(axis="server.flush", base="every", max_time_s=90)
    wished = Run(run.path, run.info.model_copy(update={"until_decided": wish}))
    (command,) = page(wished, summarise(run), []).commands
    assert command.endswith("--until-decided server.flush=every --max-time 90s")
