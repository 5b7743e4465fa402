"""`run.json`: what was run, where, by which means, and which repetitions can be believed.

The rule: it is the index of the run, saved after every repetition, so that a killed run resumes with what it has. An
invalid repetition stays in it, marked; its replacement gets the next free `rep` and the same `slot`. Keys that a later lab
adds are ignored; a later `format_version` is refused.
"""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, computed_field

from lab.errors import StorageError, UsageError
from lab.trace.cross_flow import CrossFlow
from lab.trace.files import storage_errors, write_text
from lab.trace.schema import FORMAT_VERSION

RUN_FILE = "run.json"


class Skipped(BaseModel):
    """Why a cell was not run, and what a person can do about it."""

    model_config = ConfigDict(frozen=True)

    reason: str
    remedy: str


class CellInfo(BaseModel):
    """One point of the matrix.

    `axes` maps the dotted keys that set it apart to their values as written; `settings` is the whole cell as resolved, the
    scenario's tables with all their keys; `backend` is the path that was really used, and why that one.
    """

    model_config = ConfigDict(frozen=True)

    cell: str
    axes: dict[str, JsonValue]
    settings: dict[str, JsonValue]
    backend: str | None = None
    backend_reason: str | None = None
    skipped: Skipped | None = None


class SocketOption(BaseModel):
    """What was asked of the kernel for a socket option or host setting (None: nothing), what it gave (None: unreadable)."""

    model_config = ConfigDict(frozen=True)

    asked: JsonValue = None
    got: JsonValue = None


class RepetitionInfo(BaseModel):
    """One execution of a cell. `slot` is the planned place (1 … repeat) that it fills or failed to fill.

    `host` maps a side to the settings of its own namespace, `cross` lists the bulk flows beside the streams.
    `started_ns` and `finished_ns` are on the run's monotonic clock; `error` is set when it broke before it was measured,
    and then its tables may be missing; `sockets` maps a side ("server", "client") to its options by name.
    """

    model_config = ConfigDict(frozen=True)

    cell: str
    rep: int
    slot: int
    valid: bool
    reasons: list[str] = []
    started_ns: int
    finished_ns: int
    error: str | None = None
    error_bars: dict[str, float | None] = {}
    client_setup_ms: float | None = None
    sockets: dict[str, dict[str, SocketOption]] = {}
    host: dict[str, dict[str, SocketOption]] = {}
    cross: list[CrossFlow] = []


class UntilDecided(BaseModel):
    """The wish for repetitions until the gate can decide between the values of `axis`, and how far it was met.

    `base` as written on the command line; `more` maps a cell to its slots beyond `repeat`; `spent_s` counts from the run's
    first repetition, interruptions left out; `over` when all is decided or the time is up.
    """

    axis: str
    base: str
    max_time_s: float
    spent_s: float = 0.0
    more: dict[str, int] = {}
    over: bool = False


class Status(BaseModel):
    """The counts of the status line. `planned` counts the slots of cells that are not skipped, `filled` the valid ones."""

    cells: int
    cells_skipped: int
    planned: int
    filled: int
    invalid: int
    failed: int


class RunInfo(BaseModel):
    """The whole of `run.json`. Mutable: the conductor appends to `repetitions` and saves."""

    format_version: int = FORMAT_VERSION
    scenario: dict[str, JsonValue]
    source: str
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    only: dict[str, JsonValue] = Field(default_factory=dict)
    seed: int
    repeat: int = 1
    jobs: int = 1
    started: str
    cells: list[CellInfo]
    repetitions: list[RepetitionInfo] = Field(default_factory=list)
    environment: dict[str, JsonValue] = Field(default_factory=dict)
    finished: bool = False
    until_decided: UntilDecided | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """Count what was planned, what came of it and what was left out."""
        skipped = sum(cell.skipped is not None for cell in self.cells)
        filled = {(entry.cell, entry.slot) for entry in self.repetitions if entry.valid}
        failed = sum(entry.error is not None for entry in self.repetitions)
        return Status(
            cells=len(self.cells),
            cells_skipped=skipped,
            planned=sum(self.slots().values()),
            filled=len(filled),
            invalid=sum(not entry.valid for entry in self.repetitions) - failed,
            failed=failed,
        )

    def slots(self) -> dict[str, int]:
        """Return how many slots each cell has that is not skipped: `repeat`, and what was added until it was decided."""
        more = self.until_decided.more if self.until_decided else {}
        return {cell.cell: self.repeat + more.get(cell.cell, 0) for cell in self.cells if cell.skipped is None}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read `run.json`. Raises StorageError if it is missing or torn, UsageError if a later lab wrote it."""
        with storage_errors("read", path):
            data = path.read_bytes()
        try:
            info = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"]) or "the whole file"
            raise StorageError(
                f"Could not read {path}: at {where}: {first['msg']}. Restore it, or run again."
            ) from error
        if info.format_version > FORMAT_VERSION:
            raise UsageError(
                f"Could not read {path}: it has format {info.format_version} and this lab knows up to {FORMAT_VERSION}. "
                "Use the lab that wrote it, or a newer one."
            )
        return info

    def save(self, path: Path) -> None:
        """Write `run.json` so that it is whole at any instant. Raises StorageError."""
        write_text(path, self.model_dump_json(indent=1) + "\n")

    def next_rep(self, cell: str) -> int:
        """Return the first `rep` of `cell` that was never used, counted from 1."""
        return max((entry.rep for entry in self.repetitions if entry.cell == cell), default=0) + 1

    def cell(self, slug: str) -> CellInfo:
        """Return the cell named `slug`. Raises UsageError that lists the cells there are."""
        for cell in self.cells:
            if cell.cell == slug:
                return cell
        known = ", ".join(cell.cell for cell in self.cells)
        raise UsageError(f"Could not find the cell {slug!r} in this run. It has: {known}.")

    def setting(self, slug: str, key: str) -> JsonValue:
        """Return the setting `key` (dotted, as in "client.arrivals") of the cell `slug`, or None if it has none such."""
        value: JsonValue = self.cell(slug).settings
        for step in key.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return value
