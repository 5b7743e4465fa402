"""A scenario file, parsed: named tables of settings, axes whose product is the matrix, extra cells and exclusions.

Parsing is strict and happens before anything starts: an unknown key, a unit that is missing or a value that cannot be is
refused with the file, the key, what was read and what is allowed. `matrix.py` turns a scenario into its cells.
"""

import tomllib
from collections.abc import Callable
from typing import Any

from pydantic import Field, model_validator

from lab.errors import ScenarioError
from lab.model.base import Spec
from lab.model.budget import Budget
from lab.model.capture import Capture
from lab.model.client import ClientSpec
from lab.model.cross import Cross
from lab.model.host import HostSpec
from lab.model.inputs import ReadFile
from lab.model.path import PathSpec
from lab.model.problems import build
from lab.model.proxy import ProxySpec
from lab.model.request import RequestSpec
from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec

Settings = dict[str, Any]
"""Values by dotted key: `{"server.flush": "every", "path": "lan"}`."""


class CellSpec(Spec):
    """Everything that is set in one point of the matrix."""

    workload: WorkloadSpec = WorkloadSpec()
    server: ServerSpec = ServerSpec()
    request: RequestSpec = RequestSpec()
    host: HostSpec = HostSpec()
    path: PathSpec = PathSpec()
    cross: Cross = ()
    proxy: ProxySpec = ProxySpec()
    client: ClientSpec = ClientSpec()
    budget: Budget = Field(default_factory=dict)

    @model_validator(mode="after")
    def _reuse_needs_a_connection_that_lasts(self) -> "CellSpec":
        closing = "framing = 'close'" if self.server.framing == "close" else "keepalive = false"
        if self.client.reuse > 1 and (self.server.framing == "close" or not self.server.keepalive):
            raise ValueError(
                f"client.reuse = {self.client.reuse} needs a connection that lasts, and server.{closing} ends it after "
                "one response: use reuse = 1, or framing = 'chunked' with keepalive = true"
            )
        return self

    @model_validator(mode="after")
    def _no_path_leads_to_a_url(self) -> "CellSpec":
        if self.server.url and (self.path.emulates or self.path.backend not in ("auto", "loopback")):
            raise ValueError(
                f"server.url = {self.server.url!r} is reached over this machine's own network, which no path of the lab "
                "changes: leave [path] out, or let the lab start the server with server.command"
            )
        return self

    @property
    def _has_namespaces(self) -> bool:
        """Whether the path has hosts of its own at its ends, rather than this machine as it is."""
        emulated = self.path.emulates or self.path.backend not in ("auto", "loopback")
        return emulated and not self.server.url

    @model_validator(mode="after")
    def _host_settings_need_hosts_of_the_lab_s_own(self) -> "CellSpec":
        if (asked := self.host.asked()) and not self._has_namespaces:
            raise ValueError(
                f"host.{asked[0]} = {getattr(self.host, asked[0])!r}: settings of a path's own namespaces, and this cell "
                "has none: they are never written to this machine's. Give it a path (a delay, a preset or "
                "path.backend = 'tun'), or leave [host] out"
            )
        down = self.path.down
        if self.host.autocork is not None and (not isinstance(down.rate, int) or down.queue is not None):
            raise ValueError(
                f"host.autocork = {str(self.host.autocork).lower()}: autocorking acts on what waits in the sender's own "
                "kernel, so the bottleneck's queue stands there, without a limit of its own: give path.down.rate, one "
                "that does not change, and leave path.down.queue out"
            )
        if self.host.delack_max is not None and self.client.kind != "raw":
            raise ValueError(
                f'host.delack_max: client.kind = {self.client.kind!r} has sockets of its own making: use "raw"'
            )
        return self

    @model_validator(mode="after")
    def _cross_traffic_shares_a_bottleneck(self) -> "CellSpec":
        if self.cross and not self._has_namespaces:
            raise ValueError("cross: there is no emulated path to share: give [path] a rate, or leave cross out")
        for flow in self.cross:
            link = self.path.down if flow.direction == "down" else self.path.up
            if link.rate is None:
                raise ValueError(
                    f"cross: path.{flow.direction} has no rate, so its bulk flows would meet no bottleneck and take all "
                    f"that the emulator carries: give path.{flow.direction}.rate"
                )
        return self


TABLES = tuple(CellSpec.model_fields)


class Header(Spec):
    """The `[scenario]` table."""

    name: str = Field("", description="of the run's directory; the file's name when left out", pattern=r"^[\w.-]*$")
    description: str = Field("", description="what the scenario shows")
    repeat: int = Field(3, ge=1, le=10_000, description="repetitions of every cell")
    seed: int = Field(1, ge=0, description="of workloads, links and the order of the matrix")


class Scenario(Spec):
    """A file, checked as far as it can be without its cells. `tables` are the settings that all cells share, as written."""

    source: str
    header: Header
    tables: dict[str, Any]
    matrix: dict[str, list[Any]]
    excludes: list[Settings]
    extra_cells: list[dict[str, Any]]
    overrides: Settings
    read_capture: Callable[[str], Capture] | None = None
    """From the name in `workload.capture` to what was recorded: given by whoever reads files, for nothing here does."""
    read_file: ReadFile | None = None
    """The same for the other files that a scenario can name: traces, and paths of the user's own."""

    def as_written(self) -> dict[str, Any]:
        """The document as it was read, with the header as resolved; `overrides` stand beside it and in every cell."""
        return {
            "scenario": self.header.model_dump(),
            **self.tables,
            "matrix": self.matrix,
            "exclude": self.excludes,
            "cell": self.extra_cells,
        }


def parse_scenario(text: str, source: str, name: str, overrides: Settings | None = None) -> Scenario:
    """Parse TOML `text`. `source` is named in errors; `name` is used when the file gives none.

    `overrides` are `--set` values by dotted key; those under `scenario.` change the header. Raises ScenarioError.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{source}: not valid TOML: {error}") from error
    return read_document(document, source, name, overrides)


def read_document(document: dict[str, Any], source: str, name: str, overrides: Settings | None = None) -> Scenario:
    """The same for a document that is already parsed."""
    document, overrides = dict(document), dict(overrides or {})
    header = {"name": name} | _table(document, "scenario", source) | _take_header(overrides)
    scenario = Scenario(
        source=source,
        header=build(Header, header, f"{source}: [scenario]"),
        tables={key: document.pop(key) for key in TABLES if key in document},
        matrix=_matrix(_table(document, "matrix", source), source),
        excludes=_rows(document, "exclude", source),
        extra_cells=_rows(document, "cell", source),
        overrides=overrides,
    )
    if document:
        allowed = ", ".join(("scenario", *TABLES, "matrix", "exclude", "cell"))
        raise ScenarioError(f"{source}: unknown table {next(iter(document))!r}: allowed here: {allowed}")
    return scenario


def _take_header(overrides: Settings) -> dict[str, Any]:
    """Takes the `scenario.*` keys out of the overrides."""
    keys = [key for key in overrides if key.startswith("scenario.")]
    return {key.removeprefix("scenario."): overrides.pop(key) for key in keys}


def _table(document: dict[str, Any], key: str, source: str) -> dict[str, Any]:
    table = document.pop(key, {})
    if not isinstance(table, dict):
        raise ScenarioError(f"{source}: [{key}] must be a table, not {table!r}")
    return table


def _rows(document: dict[str, Any], key: str, source: str) -> list[dict[str, Any]]:
    rows = document.pop(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ScenarioError(f"{source}: write [[{key}]] (a list of tables), not {rows!r}")
    return rows


def _matrix(table: dict[str, Any], source: str) -> dict[str, list[Any]]:
    for key, values in table.items():
        if isinstance(values, dict):
            inner = next(iter(values), "key")
            raise ScenarioError(f'{source}: [matrix] {key}: quote dotted keys, as in "{key}.{inner}"')
        if not isinstance(values, list) or not values:
            raise ScenarioError(f"{source}: [matrix] {key} = {values!r}: an axis is a list of one value or more")
    return table
