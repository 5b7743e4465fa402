"""Cells that take a few milliseconds, or that never end by themselves."""

from typing import Any

from lab.model.matrix import Cell, expand
from lab.model.scenario import Scenario, read_document
from lab.run.forge import Resolution
from lab.run.repetition import Repetition

HERE = Resolution("loopback", "nothing is asked of the network")
TICKER = {"profile": "ticker", "chunks": 5, "interval": "5ms"}
ENDLESS = {"workload": {**TICKER, "chunks": 50_000, "interval": "20ms"}}
TWO_FLUSHES = {"matrix": {"server.flush": ["every", "end"]}}


def scenario(document: dict[str, Any] | None = None, name: str = "tiny", **header: Any) -> Scenario:
    """Five chunks on loopback, unless the document says otherwise."""
    return read_document({"scenario": header, "workload": TICKER, **(document or {})}, f"{name}.toml", name)


def cells(document: dict[str, Any] | None = None) -> list[Cell]:
    """The cells of it."""
    return expand(scenario(document))


def repetition(document: dict[str, Any] | None = None) -> Repetition:
    """Of its first cell."""
    return Repetition(cells(document)[0], rep=1, slot=1, seed="1/1")
