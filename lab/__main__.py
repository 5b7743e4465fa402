"""`lab` and `python -m lab`: run a command and turn what went wrong into one message and an exit code.

The rule: errors go to stderr in words, never as a traceback. With LAB_DEBUG=1 the traceback of a fault of the lab follows.
A reader that leaves early (`lab list | head -1`) is no error: what it would have read goes nowhere, and the command goes on
to its own end and its own exit code.
"""

import io
import os
import sys
import traceback
from typing import Any, TextIO

from lab.errors import LabError

_FAULT = 70
_INTERRUPTED = 130


def main() -> None:
    """The console script."""
    # Before any command prints: click would end it at the first write that nobody reads, with exit code 1.
    sys.stdout, sys.stderr = _outliving(sys.stdout), _outliving(sys.stderr)
    sys.exit(_run())


class _Outliving(io.FileIO):
    """A standard stream that outlives its reader."""

    def write(self, data: Any, /) -> int:
        """See io.FileIO."""
        try:
            return super().write(data)
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return super().write(data)


def _outliving(stream: TextIO) -> TextIO:
    """The same stream, as Python had set it up; what is no file of the system's stays what it is."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Outliving(stream.fileno(), "w", closefd=False)),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering or stream.write_through,
    )


def _run() -> int:
    try:
        from lab.cli import app

        return int(app(standalone_mode=False) or 0)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except Exception as error:  # the last resort: whatever it is, it is ours  # noqa: BLE001
        return _other(error)


def _other(error: Exception) -> int:
    """Usage errors of the command line, or a fault of the lab itself."""
    import click

    if isinstance(error, click.exceptions.Abort):
        print("lab: interrupted", file=sys.stderr)
        return _INTERRUPTED
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    where = traceback.extract_tb(error.__traceback__)[-1]
    print(
        f"lab: this is a fault of the lab itself: {type(error).__name__}: {error} "
        f"(in {where.name}, {os.path.basename(where.filename)}:{where.lineno}). "
        "Please report it, with what LAB_DEBUG=1 prints.",
        file=sys.stderr,
    )
    if os.environ.get("LAB_DEBUG") == "1":
        traceback.print_exc()
    return _FAULT


if __name__ == "__main__":
    main()
