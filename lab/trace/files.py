"""Files that appear only complete: written beside their place, then renamed into it.

The rule: a reader never sees half a file, whenever the writer dies. The aside name starts with a dot because Parquet
readers skip such names when they read a whole directory. No fsync: a power cut may cost a run, a killed lab may not.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.errors import StorageError

_REMEDIES = {
    errno.ENOENT: "Restore it from a copy of the run, or run again",
    errno.ENOSPC: "The disk is full: free some space or choose another place with --out",
    errno.EDQUOT: "The disk quota is used up: free some space or choose another place with --out",
    errno.EACCES: "Choose a directory that you may write to with --out, or change its permissions",
    errno.EPERM: "Choose a directory that you may write to with --out, or change its permissions",
    errno.EROFS: "The file system is read-only: choose another place with --out",
}
_REMEDY = "Check the disk and the directory, or choose another place with --out"


@contextmanager
def storage_errors(doing: str, path: Path) -> Iterator[None]:
    """Translate an OSError into a `StorageError` that names `path` and says what to do. `doing`: "write", "read" …"""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        remedy = _REMEDIES.get(number, _REMEDY)
        reason = os.strerror(number) if number else str(error)  # Arrow puts its own paragraph into `strerror`
        raise StorageError(f"Could not {doing} {path}: {reason}. {remedy}.") from error


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then rename it to `path`, whose directory is made if need be.

    Raises StorageError if the file cannot be written; then nothing is left aside and an older `path` is untouched.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with storage_errors("write", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(aside)
            aside.replace(path)
    finally:
        with suppress(OSError):  # after the rename it is gone; after a failure the first error is the one to tell
            aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are. Raises StorageError."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data`. Raises StorageError."""

    def fill(aside: Path) -> None:
        aside.write_bytes(data)

    write_whole(path, fill)
