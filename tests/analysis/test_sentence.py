"""Each shape of delivery in one sentence, with its numbers."""

from dataclasses import astuple
from typing import Any

import pytest

from lab.analysis.metrics import Records, measure
from lab.analysis.received import received
from lab.analysis.sentence import Rhythm, rhythm, tell
from lab.trace.schema import empty
from tests.synthetic import chunk_rows, lumps, repetition, table, whole

SENTENCES: dict[str, tuple[dict[str, Any], str]] = {
    "smooth": ({}, "The first letter came after 40.2 ms; then letters came one by one, every 20 ms."),
    "lumps": (
        {"delivery": lumps(2)},
        "The first letter came after 60.2 ms; then letters came in lumps of 2 on average, every 40 ms "
        "(planned: every 20 ms).",
    ),
    "a stall": (
        {"stall": (20, 230.0)},
        "The first letter came after 40.2 ms; then letters came one by one, every 20 ms, the longest pause 250 ms.",
    ),
    "whole": (
        {"delivery": whole},
        "The first letter came after 820 ms, and all the others of its stream came with it.",
    ),
    "one letter": ({"chunks": 1}, "The first letter came after 40.2 ms; it was the only one."),
    "unplanned": (
        {"plan_known": False, "delivery": lumps(2)},
        "The first letter came after 60.2 ms; then letters came in lumps of 2 on average, every 40 ms.",
    ),
}


def told(tables: dict[str, Any]) -> str:
    return tell(received(tables["chunks"]), measure(Records(tables["chunks"], tables["streams"], empty("path"))))


@pytest.mark.parametrize(("shape", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_sentence_tells_what_was_seen(shape: dict[str, Any], sentence: str) -> None:
    assert told(repetition("c", 1, **shape)) == sentence


# Places of the chunks of a plan of four that arrived, in order; how often the reader came back → what is told of it.
ASTRAY: dict[str, tuple[list[int | None], int, str]] = {
    "nothing happened": ([1, 2, 3, 4], 0, ""),
    "resumed": ([1, 2, 3, 4], 1, " In 1 stream the reader came back 1 time: no letter was lost, and none came twice."),
    "lost": ([1, 4], 2, " In 1 stream the reader came back 2 times: 2 of 4 letters never came."),
    "doubled": ([1, 2, 1, 2, 3, 4], 1, " In 1 stream the reader came back 1 time: 2 letters came twice."),
    "both": (
        [1, 2, 1, 2],
        1,
        " In 1 stream the reader came back 1 time: 2 of 4 letters never came and 2 letters came twice.",
    ),
    "given up": ([1, 2, 3], 0, " 1 of 4 letters never came."),
    "twice, and nobody came back": ([1, 1, 2, 3, 4], 0, " 1 letter came twice."),
    "unplanned": ([None] * 4, 1, " In 1 stream the reader came back 1 time; what that lost or doubled is not known."),
}


@pytest.mark.parametrize("case", ASTRAY)
def test_letters_that_went_astray_are_told(case: str) -> None:
    places, reconnects, told_of_it = ASTRAY[case]
    arrivals = [20.0 * number for number in range(len(places))]
    streams = [{"cell": "c", "rep": 1, "stream": 1, "reconnects": reconnects, "chunks_expected": 4}]
    tables = {"chunks": table("chunks", chunk_rows(arrivals, place=places)), "streams": table("streams", streams)}
    assert told(tables).endswith(f"every 20 ms.{told_of_it}")


def test_no_letter_is_told_too() -> None:
    tables = repetition("c", 1, streams=3)
    assert told(tables | {"chunks": empty("chunks")}) == "No letter arrived in 3 streams."


def test_lumps_do_not_depend_on_what_a_client_tells_of_its_reads() -> None:
    tables = repetition("c", 1, delivery=lumps(2))
    blind = [row | {"read_index": None} for row in tables["chunks"].to_pylist()]
    assert told(tables) == told(tables | {"chunks": table("chunks", blind)})


RHYTHMS: dict[str, tuple[list[float], float | None, Rhythm | None]] = {
    "even": ([0, 20, 40, 60], 20, Rhythm(1, 20)),
    "a lump read in pieces is one lump": ([0, 0.4, 0.8, 80, 80.4, 80.8], 20, Rhythm(3, 79.2)),
    "the pieces of a fast stream are none": ([0, 0.4, 0.8, 1.2], 0.4, Rhythm(1, 0.4)),
    "unplanned": ([0, 4, 40, 44], None, Rhythm(2, 36)),
    "all at once": ([0, 0, 0], 20, None),
    "all at once, in pieces": ([0, 0.3, 0.6], None, None),
}


@pytest.mark.parametrize(("arrivals", "interval", "expected"), RHYTHMS.values(), ids=RHYTHMS)
def test_rhythm(arrivals: list[float], interval: float | None, expected: Rhythm | None) -> None:
    found = rhythm(received(table("chunks", chunk_rows(arrivals))), interval)
    assert (found and astuple(found)) == (expected and pytest.approx(astuple(expected)))


def test_lumps_of_two_streams_are_two_lumps() -> None:
    rows = [*chunk_rows([0, 0, 40, 40], stream=1), *chunk_rows([1, 1, 41, 41], stream=2)]
    assert rhythm(received(table("chunks", rows)), 20) == Rhythm(2, 40)
