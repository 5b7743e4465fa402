"""From a workload to dated chunks: the one place that decides what is due when, with which text.

Seeded and pure: the same specification and seed give the same plan in any process, so both sides and a later reader agree.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from lab.model.capture import CapturedChunk
from lab.model.workload import WorkloadSpec

# Intervals of `llm` are gamma-distributed with this coefficient of variation: a decoder's steps are regular, but its batch
# neighbours are not. A quarter keeps nine of ten intervals within 0.6 to 1.45 of the mean.
LLM_INTERVAL_CV = 0.25

_PAGE_BYTES = 4096

_WORDS = (
    "a the of and to in is it that was for on are with they be at one have this from or had by hot but some what there "
    "we can out other were all your when up use word how said an each she which do their time if will way about many "
    "then them would write like so these her long make thing see him two has look more day could go come did my sound "
    "no most number who over know water than call first people may down side been now find any new work part take get "
    "place made live where after back little only round man year came show every good me give our under name very "
    "through just form much great think say help low line before turn cause same mean differ move right boy old too "
    "does tell sentence set three want air well also play small end put home read hand port large spell add even land "
    "latency segment window buffer stream packet arrives letter"
).split()


class PlannedChunk(NamedTuple):
    """`due_offset_ns` counts from the request's head; `text` is what the reader should see."""

    due_offset_ns: int
    text: str


def plan_chunks(spec: WorkloadSpec, seed: str) -> list[PlannedChunk]:
    """The whole response of one stream. `seed` names the stream, so that streams differ and runs repeat."""
    rng = random.Random(f"{seed}/{spec.seed}" if spec.seed is not None else seed)
    due_offsets_ns = _due_offsets_ns(spec, rng)
    return [PlannedChunk(due_ns, text) for due_ns, text in zip(due_offsets_ns, _texts(spec, rng), strict=True)]


def _due_offsets_ns(spec: WorkloadSpec, rng: random.Random) -> list[int]:
    due_ns = spec.first
    offsets = []
    for index, gap_ns in enumerate(_gaps_ns(spec, rng)):
        due_ns += gap_ns
        if spec.pause is not None and index == spec.pause.after:
            due_ns += spec.pause.duration
        offsets.append(due_ns)
    return offsets


def _gaps_ns(spec: WorkloadSpec, rng: random.Random) -> Iterator[int]:
    """The interval before each chunk; the first has none, except in a replay, where it waited in its time as well."""
    if spec.profile == "replay":
        yield from _captured_gaps_ns(spec)
        return
    yield 0
    for index in range(1, spec.chunks):
        match spec.profile:
            case "llm":
                shape = 1 / LLM_INTERVAL_CV**2
                yield round(rng.gammavariate(shape, spec.interval / shape))
            case "notifications":  # a Poisson process: unrelated events
                yield round(rng.expovariate(1 / spec.interval))
            case "burst":  # the mean interval stays `interval`
                yield spec.interval * spec.burst if index % spec.burst == 0 else 0
            case _:
                yield spec.interval


def _captured_gaps_ns(spec: WorkloadSpec) -> Iterator[int]:
    before_ns = 0
    for chunk in _captured(spec):
        yield chunk.at_ns - before_ns
        before_ns = chunk.at_ns


def _captured(spec: WorkloadSpec) -> tuple[CapturedChunk, ...]:
    return spec.capture.chunks[: spec.chunks] if spec.capture is not None else ()


def _texts(spec: WorkloadSpec, rng: random.Random) -> Iterator[str]:
    if spec.profile == "replay":
        yield from (chunk.text for chunk in _captured(spec))
        return
    words = _prose(rng)
    for index in range(spec.chunks):
        size_bytes = spec.first_size if index == 0 and spec.first_size else spec.size
        yield next(words) if size_bytes is None else _filled(words, size_bytes)


def _prose(rng: random.Random) -> Iterator[str]:
    """Endless words in sentences, each but the first with the space before it, as tokens come."""
    space = ""
    while True:
        sentence = rng.choices(_WORDS, k=rng.randint(5, 12))
        sentence[0] = sentence[0].capitalize()
        sentence[-1] += "."
        for word in sentence:
            yield space + word
            space = " "


def _filled(words: Iterator[str], size_bytes: int) -> str:
    """Exactly `size_bytes` of ASCII prose. After a page it repeats itself: megabytes of fresh words would take seconds."""
    text = ""
    while len(text) < min(size_bytes, _PAGE_BYTES):
        text += next(words)
    return (text * (size_bytes // len(text) + 1))[:size_bytes]
