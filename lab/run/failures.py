"""Streams that were none, and so no measurement: what makes a repetition unusable beside the lags of the lab itself.

The rule: a stream that broke off is a finding, and stays one; a server that refused, answered with something else or told of
an error has not been measured. Pure.
"""

from collections.abc import Iterator, Sequence

from lab.analysis.words import count
from lab.trace.records import StreamSeen


def failures(seen: Sequence[StreamSeen]) -> Iterator[str]:
    """Why a repetition with these streams is none: one of them failed, or not one chunk came of them all."""
    failed = [each for each in seen if each.completion == "error" or (each.completion == "closed" and each.error)]
    if failed:
        yield f"{len(failed)} of {len(seen)} streams failed: {failed[0].error}"
    else:
        yield from no_chunk(seen)


def no_chunk(seen: Sequence[StreamSeen]) -> Iterator[str]:
    """The same for a load test, in which some streams may fail, but not all."""
    if seen and not any(each.chunks for each in seen):
        first = seen[0]
        why = f": {first.error}" if first.error else ""
        yield f"no chunk came of {count(len(seen), 'stream')}, the first of which ended as {first.completion}{why}"
