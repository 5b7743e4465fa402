"""`results/README.md` is the data dictionary: it explains every column and every key there is, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from lab.analysis.metrics import METRIC_DOCS
from lab.analysis.summary import ROW_DOCS, VALID_DOC
from lab.gate.baseline import Baseline
from lab.link.packet import VERDICTS
from lab.trace.run_info import RunInfo
from lab.trace.schema import TABLES, column_docs

README = Path(__file__).parents[2] / "results" / "README.md"


def documented(heading: str) -> dict[str, str]:
    """The first table below `heading`: what stands in backticks in its first column, and its last column."""
    section = re.split(r"^## ", README.read_text(), flags=re.MULTILINE)
    text = next(part for part in section if part.splitlines()[0].strip("`") == heading)
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", text, flags=re.MULTILINE)
    return {name: rest.split("|")[-1].strip().replace("&#124;", "|") for name, rest in rows}


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_is_explained_as_in_its_schema(table: str) -> None:
    assert list(documented(table).items()) == list(column_docs(table).items())


def test_every_verdict_of_the_packet_log_is_explained() -> None:
    sentence = README.read_text().split("`verdict` is one of:")[1].split(". ")[0]
    assert set(re.findall(r"`([^`]+)`", sentence)) == set(VERDICTS)


def test_every_column_of_summary_csv_is_explained() -> None:
    expected = {**ROW_DOCS, **METRIC_DOCS, "valid": VALID_DOC}
    assert list(documented("summary.csv").items()) == list(expected.items())


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key of `model` as JSON, nested ones with their path; `[]` for list elements, `*` for a table's keys."""
    annotations = {name: field.annotation for name, field in model.model_fields.items()}
    annotations |= {name: field.return_type for name, field in model.model_computed_fields.items()}
    for name, annotation in annotations.items():
        yield f"{prefix}{name}"
        for inner, step in inner_models(annotation, ""):
            yield from keys(inner, f"{prefix}{name}{step}.")


def inner_models(annotation: object, step: str) -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, step
        return
    own = "[]" if get_origin(annotation) is list else ".*" if get_origin(annotation) is dict else ""
    for argument in get_args(annotation):
        yield from inner_models(argument, step + own)


def test_every_key_of_a_baseline_is_explained() -> None:
    assert list(documented("baseline.json")) == list(keys(Baseline))


def test_every_key_of_run_json_is_explained() -> None:
    assert sorted(documented("run.json")) == sorted(keys(RunInfo))
    assert all(documented("run.json").values())
