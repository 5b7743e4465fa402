"""What happened: the tables and the index of a run, and nothing that interprets them.

`open_run` is loaded when it is asked for: servers and clients need only the records, and pyarrow starts threads, beside
which nobody should fork.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.trace.store import open_run as open_run


def __getattr__(name: str) -> Any:
    if name != "open_run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lab.trace.store import open_run

    return open_run
