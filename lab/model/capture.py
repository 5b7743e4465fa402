"""A capture: what a real endpoint once said, and when. `lab probe --record` writes one, the workload `replay` plays it.

The rule: it holds texts and instants only, and of its address no query and no credentials, so that it can be shared. Keys
that a later lab adds are ignored; a later version is refused. Pure: `lab/trace/captures.py` reads and writes the file.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lab.errors import UsageError

# As many as a probe records at most.
MAX_CHUNKS = 200_000


class CapturedChunk(BaseModel):
    """`at_ns` counts from the request's first byte; `text` is never empty, for nobody would see it."""

    model_config = ConfigDict(frozen=True, strict=True)

    at_ns: int = Field(ge=0, le=24 * 3600 * 10**9)
    text: str = Field(min_length=1)


class Capture(BaseModel):
    """One recorded response. `completion` is how it ended, in the words of the column of that name."""

    model_config = ConfigDict(frozen=True, strict=True)

    version: Literal[1]
    url: str = ""
    recorded: str = ""
    completion: str = ""
    chunks: Annotated[tuple[CapturedChunk, ...], Field(strict=False, min_length=1, max_length=MAX_CHUNKS)]

    @model_validator(mode="after")
    def _in_order(self) -> "Capture":
        instants = [chunk.at_ns for chunk in self.chunks]
        if instants != sorted(instants):
            raise ValueError("at_ns falls from one chunk to the next: chunks stand in the order in which they came")
        return self

    @property
    def interval_ns(self) -> int:
        """The mean interval between its chunks, at least 1."""
        return max(1, (self.chunks[-1].at_ns - self.chunks[0].at_ns) // max(1, len(self.chunks) - 1))


def parse_capture(text: str, source: str) -> Capture:
    """Parse the text of the file `source`. Raises UsageError that names the file and what is wrong in it."""
    try:
        return Capture.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise UsageError(
            f"cannot use the capture {source}: at {where}: {first['msg']}: give a file made by lab probe --record"
        ) from error


def format_capture(capture: Capture) -> str:
    """The inverse of `parse_capture`: one chunk per line, so that a capture can be read and compared."""
    head = capture.model_dump_json(exclude={"chunks"}).removesuffix("}")
    chunks = ",\n".join(f"  {chunk.model_dump_json()}" for chunk in capture.chunks)
    return f'{head},"chunks":[\n{chunks}\n]}}\n'
