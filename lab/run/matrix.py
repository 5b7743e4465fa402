"""The matrix: every cell's repetitions started in their order, each joined, judged and stored when it has ended.

The rule: after every repetition the run on disk is complete as far as it goes. An interruption or a failure keeps what is
finished; a process that died costs its own repetition and nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lab.analysis.metrics import Records
from lab.analysis.validity import Circumstances, Judgement, judge
from lab.errors import ForgeEnded, LabError
from lab.model.matrix import Cell
from lab.model.units import NS_PER_MS
from lab.run import runs
from lab.run.failures import failures
from lab.run.forge import Forge, Question, Resolution
from lab.run.pool import Pool, Task
from lab.run.progress import Watcher
from lab.run.repetition import Evidence, Repetition, streaming_s
from lab.run.schedule import Schedule, Slot
from lab.trace.join import Joined, PathLog, join
from lab.trace.run_info import RepetitionInfo, SocketOption
from lab.trace.schema import empty
from lab.trace.store import Run, write_repetition

# What a repetition takes beside its streaming: forks, namespaces, join, files. Only for the estimate of the time left.
_OVERHEAD_S = 0.4
# NTP slews a clock by up to 500 ppm; a stamp may be off by so much before it counts as a jump.
_CLOCK_JUMP_NS = 1_000_000


def resolve_paths(forge: Forge, cells: Iterable[Cell]) -> dict[str, Resolution]:
    """By cell name, how its path would be applied here. Asks the machine once for each path, its hosts and its client."""
    known: dict[Question, Resolution] = {}
    resolutions = {}
    for cell in cells:
        question = Question.of(cell.spec)
        if question not in known:
            known[question] = forge.resolve(*question)
        resolutions[cell.name] = _without_a_path(known[question]) if cell.spec.server.url else known[question]
    return resolutions


def _without_a_path(resolution: Resolution) -> Resolution:
    """Of a server that runs already, wherever that is: nothing of the lab stands between."""
    if resolution.backend is None:
        return resolution
    return Resolution("none", "server.url is reached over this machine's own network")


def execute(run: Run, forges: Sequence[Forge], watcher: Watcher) -> None:
    """Run what is still to be run, one at a time on each forge, saving after each repetition.

    Raises StorageError, ForgeEnded.
    """
    cells = runs.cells_of(run)
    schedule = Schedule(cells, run.info.slots(), run.info.seed, runs.past_attempts(run))
    lengths_s = {cell.name: streaming_s(cell.spec, str(run.info.seed)) + _OVERHEAD_S for cell in cells}
    pool = Pool(forges)

    def stand() -> tuple[int, int, float]:
        """How many are over, how many there are, and about how long it still takes."""
        names = [*(each.cell.name for each in pool.running()), *(each.cell.name for each in schedule.waiting())]
        return done, done + len(names), sum(lengths_s[name] for name in names) / min(pool.size, len(names) or 1)

    done = 0
    while True:
        for slot in _startable(schedule, pool):
            pool.start(slot, _planned(run, pool, slot))
        if not pool.running():
            break
        watcher.running([each.cell.name for each in pool.running()], *stand())
        task = pool.ended()
        entry = _outcome(run.path, task)
        run.info.repetitions.append(entry)
        runs.save(run)
        again = not entry.valid and entry.error is None and schedule.retry(task.slot)
        done += 1
        watcher.ended(entry.cell, entry.rep, *stand(), _verdict(entry, again))
    run.info.finished = run.info.until_decided is None or run.info.until_decided.over
    runs.save(run)


def _startable(schedule: Schedule, pool: Pool) -> Iterator[Slot]:
    """What can be started now. The order is that of the schedule: nothing overtakes what must wait until it is alone."""
    while (first := next(iter(schedule.waiting()), None)) and pool.admits(first.cell):
        yield next(iter(schedule))


def _planned(run: Run, pool: Pool, slot: Slot) -> Repetition:
    """The slot's next attempt; its number is one that none has, stored or running."""
    running = [each.rep for each in pool.running() if each.cell.name == slot.cell.name]
    rep = max([run.info.next_rep(slot.cell.name), *(each + 1 for each in running)])
    return Repetition(slot.cell, rep, slot.slot, f"{run.info.seed}/{slot.slot}")


def _verdict(entry: RepetitionInfo, again: bool) -> str:
    if entry.error is not None:
        return f"failed: {entry.error}"
    if entry.valid:
        return "ok"
    return f"invalid: {'; '.join(entry.reasons)}" + (" (it will be run again)" if again else "")


def _outcome(directory: Path, task: Task) -> RepetitionInfo:
    repetition = task.repetition
    try:
        evidence = task.forge.evidence()
    except ForgeEnded:  # the next repetition would fare no better
        raise
    except LabError as error:
        last_words = getattr(error, "last_words", "")
        message = str(error) if not last_words or last_words in str(error) else f"{error}\n{last_words}"
        return RepetitionInfo(
            cell=repetition.cell.name,
            rep=repetition.rep,
            slot=repetition.slot,
            valid=False,
            started_ns=0,
            finished_ns=0,
            error=message,
        )
    return _store(directory, repetition, evidence)


def _store(directory: Path, repetition: Repetition, evidence: Evidence) -> RepetitionInfo:
    """Join, judge, write."""
    cell = repetition.cell
    joined, judgement = judge_evidence(repetition, evidence)
    reasons = [*judgement.reasons, *_failures(joined, evidence)]
    write_repetition(directory, cell.name, repetition.rep, joined.tables)
    return RepetitionInfo(
        cell=cell.name,
        rep=repetition.rep,
        slot=repetition.slot,
        valid=not reasons,
        reasons=reasons,
        started_ns=evidence.before.monotonic_ns,
        finished_ns=evidence.after.monotonic_ns,
        error_bars=_error_bars(judgement, evidence),
        client_setup_ms=None if evidence.seen.setup_ns is None else evidence.seen.setup_ns / NS_PER_MS,
        sockets=_sockets(evidence),
        host=_host(evidence),
        cross=evidence.cross,
    )


def judge_evidence(repetition: Repetition, evidence: Evidence) -> tuple[Joined, Judgement]:
    """The tables of the repetition, and whether the lab itself was on time."""
    joined = join_evidence(repetition, evidence)
    tables = joined.tables
    records = Records(tables["chunks"], tables["streams"], tables.get("path", empty("path")))
    return joined, judge(records, _circumstances(repetition.cell, evidence))


def join_evidence(repetition: Repetition, evidence: Evidence) -> Joined:
    """The tables of the repetition."""
    spec = repetition.cell.spec
    path = PathLog(evidence.path.packets, evidence.path.connections) if evidence.path else None
    return join(
        repetition.cell.name,
        repetition.rep,
        evidence.said,
        evidence.seen.streams,
        path,
        chunks_expected=spec.workload.chunks if spec.server.own else None,
        proxied=bool(spec.proxy.command),
    )


def _circumstances(cell: Cell, evidence: Evidence) -> Circumstances:
    before, after = evidence.before, evidence.after
    stepped = (after.realtime_ns - after.monotonic_ns) - (before.realtime_ns - before.monotonic_ns)
    suspended = (after.boottime_ns - after.monotonic_ns) - (before.boottime_ns - before.monotonic_ns)
    jump = max(stepped, suspended, key=abs)
    drops = None
    if evidence.path is not None:
        pairs = ((side.drops_before, side.drops_after) for side in evidence.path.sides)
        drops = sum(late.sent + late.received - early.sent - early.received for early, late in pairs)
    # A reader that was asked to pause is no fault of the lab; nor is any client but the raw one, which is what is measured.
    asked_for = bool(cell.spec.client.read_delay) or cell.spec.client.kind != "raw"
    return Circumstances(drops, jump if abs(jump) > _CLOCK_JUMP_NS else 0, reader_is_measured=asked_for)


def _failures(joined: Joined, evidence: Evidence) -> Iterable[str]:
    """What makes a repetition unusable beside lags: streams that never were, sides that contradict each other."""
    yield from failures(evidence.seen.streams)
    if joined.disagreements:
        yield f"server and client disagree about {joined.disagreements} chunks"


def _error_bars(judgement: Judgement, evidence: Evidence) -> dict[str, float | None]:
    clock_ns = evidence.seen.clock_error_ns
    return {
        **judgement.error_bars,
        "slack_us": evidence.max_slack_ns / 1000,
        "client_clock_us": None if clock_ns is None else clock_ns / 1000,
    }


def _sockets(evidence: Evidence) -> dict[str, dict[str, SocketOption]]:
    """Of the first stream's server socket and of the client's: all streams of a cell are set alike."""
    server = evidence.said[0].sockets if evidence.said else {}
    return _told({"server": server, "client": evidence.seen.sockets})


def _host(evidence: Evidence) -> dict[str, dict[str, SocketOption]]:
    """Of the path's own namespaces."""
    sides = evidence.path.sides if evidence.path is not None else ()
    return _told({side.name: side.settings for side in sides})


def _told(sides: Mapping[str, Mapping[str, tuple[object, object]]]) -> dict[str, dict[str, SocketOption]]:
    return {
        side: {
            name: SocketOption.model_validate({"asked": asked, "got": got}) for name, (asked, got) in options.items()
        }
        for side, options in sides.items()
    }
