"""`lab` and `python -m lab`: run a command and turn what went wrong into one message and an exit code.

The rule: errors go to stderr in words, never as a traceback. With LAB_DEBUG=1 the traceback of a fault of the lab follows.
"""

import os
import sys
import traceback

from lab.errors import LabError

_FAULT = 70
_INTERRUPTED = 130


def main() -> None:
    """The console script."""
    sys.exit(_run())


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
