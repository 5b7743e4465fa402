"""What a probe saw of one response: the record that all clients share, and beside it what only a stranger's stream has.

Nothing is derived here but the view that the verdict is drawn from. Instants are CLOCK_MONOTONIC ns.
"""

from dataclasses import dataclass, field

from lab.analysis.arrivals import Arrivals, BodyRead, Letter
from lab.trace.records import StreamSeen


@dataclass(slots=True)
class ProbeRecord:
    """Filled as it happens, so that whatever interrupts a probe leaves what there is.

    `stage` says what it is doing, for the case that it never ends; `problem` is one sentence about what went wrong; `body`
    the beginning of an answer that is no event stream; `streaming`: it is one; `typed`: its events are OpenAI's.
    """

    seen: StreamSeen = field(default_factory=lambda: StreamSeen(stream=1, due_ns=0))
    stage: str = "beginning"
    secured_ns: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    streaming: bool = False
    typed: bool = False
    body: bytes = b""
    problem: str | None = None
    finish_reason: str | None = None
    done_marker: bool = False
    clean_end: bool = False
    events: int = 0
    data_lines: int = 0
    whole_lines: int = 0
    damaged_chunks: int = 0
    body_reads: list[BodyRead] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    def arrivals(self) -> Arrivals:
        """The view of `lab.analysis.signature`."""
        seen = self.seen
        request_ns = seen.request_ns or 0
        shook = seen.connect_ns is not None and seen.connected_ns is not None
        return Arrivals(
            request_ns=request_ns,
            end_ns=seen.end_ns or request_ns,
            reads=self.body_reads,
            letters=self.letters,
            rtt_ns=(seen.connected_ns or 0) - (seen.connect_ns or 0) if shook else None,
            data_lines=self.data_lines,
            whole_lines=self.whole_lines,
            typed=self.typed,
            timed_out=seen.completion == "timeout",
        )
