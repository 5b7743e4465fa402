"""The specifications: what each text means, how it is written back, and what is never accepted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lab.model.client import ArrivalSpec, ClientSpec, format_arrivals, parse_arrivals
from lab.model.jitter import Jitter, NormalJitter, TraceJitter, UniformJitter
from lab.model.loss import BernoulliLoss, Blackout, BlackoutLoss, DropList, GilbertElliottLoss, Loss, TailLoss
from lab.model.path import LinkSpec, PathSpec
from lab.model.presets import PRESETS
from lab.model.queue import CoDelQueue, LinkQueue, QueueLimit, format_queue, parse_queue
from lab.model.rate import LinkRate, RateStep, RateSteps, RateTrace, slowest_bps
from lab.model.scenario import CellSpec
from lab.model.server import FlushSpec, ServerSpec, format_flush, parse_flush
from lab.model.workload import PROFILES, WorkloadSpec
from tests.model import specs

MS = 1_000_000
_loss: TypeAdapter[Any] = TypeAdapter(Loss)
_jitter: TypeAdapter[Any] = TypeAdapter(Jitter)
_rate: TypeAdapter[Any] = TypeAdapter(LinkRate)
_queue: TypeAdapter[Any] = TypeAdapter(LinkQueue)

FLUSHES = [
    ("every", FlushSpec(kind="every"), "every"),
    ("end", FlushSpec(kind="end"), "end"),
    ("none", FlushSpec(kind="bytes", size_bytes=4096), "none"),
    ("bytes:4096", FlushSpec(kind="bytes", size_bytes=4096), "none"),
    ("bytes:4KiB", FlushSpec(kind="bytes", size_bytes=4096), "none"),
    ("bytes:100", FlushSpec(kind="bytes", size_bytes=100), "bytes:100B"),
    ("interval:100ms", FlushSpec(kind="interval", interval_ns=100 * MS), "interval:100ms"),
]
BAD_FLUSHES = ["", "always", "Every", "every:1", "bytes", "bytes:", "bytes:0", "bytes:0B", "bytes:²", "bytes:-1",
               "bytes:1.5", "interval:", "interval:0ms", "interval:9", "interval", 4096, True, None, ["every"]]  # fmt: skip

QUEUES = [
    ("200p", QueueLimit(packets=200), "200p"),
    ("64KiB", QueueLimit(bytes=65_536), "64KiB"),
    ("50ms", QueueLimit(duration_ns=50 * MS), "50ms"),
]
LINK_QUEUES = [
    ("200p", QueueLimit(packets=200)),
    ({"model": "codel"}, CoDelQueue()),
    ({"target": "1ms", "interval": "20ms"}, CoDelQueue.model_construct(target=MS, interval=20 * MS)),
    ({"limit": "3000B"}, CoDelQueue(limit=QueueLimit(bytes=3000))),
]
BAD_LINK_QUEUES = ["", 200, None, [], {"model": "fq_codel"}, {"model": "droptail"}, {"model": "codel", "target": "0ms"},
                   {"target": "100ms"}, {"interval": "5ms"}, {"limit": "0p"}, {"limit": "5ms"}, {"packets": 3}]  # fmt: skip

JITTERS = [
    ("3ms", NormalJitter.model_construct(deviation=3 * MS)),
    ("0ms", NormalJitter.model_construct(deviation=0)),
    ({"deviation": "3ms", "reorder": True}, NormalJitter.model_construct(deviation=3 * MS, reorder=True)),
    ({"model": "normal", "deviation": "3ms"}, NormalJitter.model_construct(deviation=3 * MS)),
    ({"spread": "3ms"}, UniformJitter.model_construct(spread=3 * MS)),
    ({"file": "x", "extra_ns": [0, 5]}, TraceJitter(file="x", extra_ns=(0, 5))),
]
BAD_JITTERS = ["3", "", "-3ms", 3, None, True, [], {}, {"model": "pareto"}, {"model": "uniform"}, {"spread": 3},
               {"deviation": "3ms", "spread": "3ms"}, {"spread": "3ms", "reorder": "yes"}, {"model": "trace"},
               {"file": "nobody-read.it"}, {"file": "x", "extra_ns": []}, {"file": "x", "extra_ns": [-1]},
               {"file": "x", "extra_ns": [1.5]}]  # fmt: skip

RATES = [
    ("5Mbit/s", 5_000_000),
    (
        [{"at": "0s", "rate": "5Mbit/s"}, {"at": "2s", "rate": "1kbit/s"}],
        RateSteps(
            steps=(
                RateStep.model_construct(at=0, rate=5_000_000),
                RateStep.model_construct(at=2000 * MS, rate=1000),
            )
        ),
    ),
    ({"file": "x", "opportunities_ms": [0, 0, 5]}, RateTrace(file="x", opportunities_ms=(0, 0, 5))),
]
BAD_RATES = ["5", "0Mbit/s", "-5Mbit/s", 5, 5.0, True, None, [], {}, {"model": "ramp"}, {"model": "trace"},
             [{"at": "1s", "rate": "5Mbit/s"}], [{"at": "0s", "rate": "0Mbit/s"}], [{"at": "0s"}], ["5Mbit/s"],
             [{"at": "0s", "rate": "5Mbit/s"}, {"at": "0s", "rate": "5Mbit/s"}],
             [{"at": "0s", "rate": "5Mbit/s"}, {"at": "2s", "rate": "5Mbit/s"}, {"at": "1s", "rate": "5Mbit/s"}],
             {"file": "nobody-read.it"}, {"file": "x", "opportunities_ms": []}, {"file": "x", "opportunities_ms": [0]},
             {"file": "x", "opportunities_ms": [2, 1]}, {"file": "x", "opportunities_ms": [-1, 1]}]  # fmt: skip

BAD_QUEUES = ["", "200", "0p", "00p", "-1p", "1.5p", "0B", "0ms", "p", "5Mbit/s", 200, None]

LOSSES = [
    ("0%", BernoulliLoss(probability=0)),
    ("2%", BernoulliLoss(probability=0.02)),
    ("0.1%", BernoulliLoss(probability=0.001)),
    ("100%", BernoulliLoss(probability=1)),
    ({"probability": 0.5}, BernoulliLoss(probability=0.5)),
    ({"model": "bernoulli", "probability": 1}, BernoulliLoss(probability=1)),
    ({"model": "drop-list", "packets": [40]}, DropList(packets=(40,))),
    ({"packets": [1, 2]}, DropList(packets=(1, 2))),
    ({"good": "1s", "bad": "50ms"}, GilbertElliottLoss.model_construct(good=1000 * MS, bad=50 * MS)),
    (
        {"model": "gilbert-elliott", "good": "1ms", "bad": "1ms", "good_loss": 0.5, "bad_loss": 0.25},
        GilbertElliottLoss.model_construct(good=MS, bad=MS, good_loss=0.5, bad_loss=0.25),
    ),
    (
        {"periods": [{"at": "0s", "for": "1ms"}, {"at": "1ms", "for": "1ms"}], "every": "3ms"},
        BlackoutLoss.model_construct(
            periods=tuple(Blackout.model_construct(at=at * MS, duration=MS) for at in (0, 1)), every=3 * MS
        ),
    ),
    ({"model": "tail"}, TailLoss()),
]
BAD_LOSSES = ["2", "%", "-1%", "101%", "nan%", "inf%", 0.02, 2, True, None, [], {}, {"probability": 1.5},
              {"probability": float("nan")}, {"probability": True}, {"packets": []}, {"packets": [0]},
              {"packets": [1.5]}, {"packets": 40}, {"model": "gilbert"}, {"model": "drop-list"},
              {"model": "gilbert-elliott"},
              {"good": "1s"}, {"good": "1s", "bad": "0s"}, {"good": "999us", "bad": "1s"}, {"good": 1, "bad": 1},
              {"good": "1s", "bad": "1s", "bad_loss": 1.5}, {"good": "1s", "bad": "1s", "good_loss": -1},
              {"model": "tail", "packets": [1]}, {"periods": []}, {"periods": [{"at": "1s"}]},
              {"periods": [{"at": "1s", "for": "0s"}]}, {"periods": [{"at": "-1s", "for": "1s"}]},
              {"periods": [{"at": "0s", "for": "2s"}, {"at": "1s", "for": "1s"}]},
              {"periods": [{"at": "0s", "for": "2s"}], "every": "1s"},
              {"periods": [{"at": "0s", "for": "2s"}], "every": "2s"}, {"model": "blackouts"},
              {"model": "bernoulli", "packets": [1]}, {"packets": [1], "probability": 0.5}]  # fmt: skip

ARRIVALS = [
    ("together", ArrivalSpec(), "together", False),
    ("staggered:50ms", ArrivalSpec(kind="staggered", spacing_ns=50 * MS), "staggered:50ms", True),
    ("poisson:20/s", ArrivalSpec(kind="poisson", rate_per_s=20), "poisson:20/s", True),
    ("poisson:0.5/s", ArrivalSpec(kind="poisson", rate_per_s=0.5), "poisson:0.5/s", True),
    ("poisson:1234567.5/s", ArrivalSpec(kind="poisson", rate_per_s=1234567.5), "poisson:1234567.5/s", True),
]
BAD_ARRIVALS = ["", "alone", "together:1", "staggered", "staggered:0ms", "staggered:50", "poisson", "poisson:20",
                "poisson:0/s", "poisson:-1/s", "poisson:nan/s", "poisson:inf/s", "poisson:x/s", 20, None]  # fmt: skip


@pytest.mark.parametrize(("text", "spec", "written"), FLUSHES, ids=[case[0] for case in FLUSHES])
def test_flush_policies(text: str, spec: FlushSpec, written: str) -> None:
    assert parse_flush(text) == parse_flush(spec) == spec
    assert format_flush(spec) == written


@pytest.mark.parametrize(("text", "limit", "written"), QUEUES, ids=[case[0] for case in QUEUES])
def test_queue_limits(text: str, limit: QueueLimit, written: str) -> None:
    assert parse_queue(text) == parse_queue(limit) == limit
    assert format_queue(limit) == written


SETTINGS = [
    *((_loss, *case) for case in LOSSES),
    *((_jitter, *case) for case in JITTERS),
    *((_queue, *case) for case in LINK_QUEUES),
]


@pytest.mark.parametrize(("key", "written", "spec"), SETTINGS, ids=[str(written) for _, written, _ in SETTINGS])
def test_what_a_link_loses_holds_up_and_queues(key: TypeAdapter[Any], written: object, spec: object) -> None:
    assert key.validate_python(written) == spec == key.validate_python(spec)
    assert key.validate_python(key.dump_python(key.validate_python(written), mode="json", by_alias=True)) == spec


@pytest.mark.parametrize(("written", "rate"), RATES, ids=[str(written) for written, _ in RATES])
def test_rates(written: object, rate: object) -> None:
    assert _rate.validate_python(written) == rate
    assert _rate.validate_python(_rate.dump_python(_rate.validate_python(written), mode="json")) == rate


SLOWEST = [(5_000_000, 5_000_000), (RATES[1][1], 1000), (RateTrace(file="x", opportunities_ms=(0, 1, 4)), 9_024_000)]


@pytest.mark.parametrize(("rate", "bps"), SLOWEST, ids=["constant", "steps", "trace"])
def test_the_slowest_that_a_rate_is(rate: Any, bps: int) -> None:
    assert slowest_bps(rate) == bps


DARK = [({"every": "10s"}, 25.0, 6.0), ({}, 25.0, 2.0)]


@pytest.mark.parametrize(("keys", "span_s", "dark_s"), DARK, ids=["again and again", "once"])
def test_how_long_a_path_is_dark(keys: dict[str, Any], span_s: float, dark_s: float) -> None:
    periods = [{"at": "1s", "for": "500ms"}, {"at": "7s", "for": "1500ms"}]
    assert LinkSpec.model_validate({"loss": {"periods": periods, **keys}}).dark_s(span_s) == dark_s


@pytest.mark.parametrize(("text", "spec", "written", "open_loop"), ARRIVALS, ids=[case[0] for case in ARRIVALS])
def test_arrivals(text: str, spec: ArrivalSpec, written: str, open_loop: bool) -> None:
    assert parse_arrivals(text) == parse_arrivals(spec) == spec
    assert format_arrivals(spec) == written
    assert spec.open_loop == open_loop


REFUSED = [
    *((parse_flush, value) for value in BAD_FLUSHES),
    *((parse_queue, value) for value in BAD_QUEUES),
    *((parse_arrivals, value) for value in BAD_ARRIVALS),
    *((_loss.validate_python, value) for value in BAD_LOSSES),
    *((_jitter.validate_python, value) for value in BAD_JITTERS),
    *((_rate.validate_python, value) for value in BAD_RATES),
    *((_queue.validate_python, value) for value in BAD_LINK_QUEUES),
]


@pytest.mark.parametrize(("parse", "value"), REFUSED, ids=[f"{parse.__name__} {value}" for parse, value in REFUSED])
def test_what_none_of_them_accepts(parse: Any, value: object) -> None:
    with pytest.raises(ValueError):  # pydantic's ValidationError is one
        parse(value)


@given(specs.flushes)
def test_flush_policies_read_back(text: str) -> None:
    assert parse_flush(format_flush(parse_flush(text))) == parse_flush(text)


@given(specs.queues)
def test_queue_limits_read_back(text: str) -> None:
    assert parse_queue(format_queue(parse_queue(text))) == parse_queue(text)


@given(specs.arrivals)
def test_arrivals_read_back(text: str) -> None:
    assert parse_arrivals(format_arrivals(parse_arrivals(text))) == parse_arrivals(text)


# Time limits: how many bytes the link needs so long to send.
IN_BYTES = [
    (QueueLimit(duration_ns=50 * MS), 8_000_000, 50_000),
    (QueueLimit(duration_ns=1), 1, 1),
    (QueueLimit(bytes=1500), 8_000_000, 1500),
    (QueueLimit(packets=10), 8_000_000, None),
]


@pytest.mark.parametrize(("limit", "rate_bps", "size_bytes"), IN_BYTES, ids=["time", "a trickle", "bytes", "packets"])
def test_a_queue_limit_in_bytes(limit: QueueLimit, rate_bps: int, size_bytes: int | None) -> None:
    assert limit.in_bytes(rate_bps) == size_bytes


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_path(preset: str) -> None:
    path = PathSpec.model_validate(preset)
    assert path.preset == preset
    assert path.emulates == (preset != "loopback")
    assert path.rtt_ns == path.up.delay + path.down.delay


PATHS: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {
    "nothing": ({}, (), ()),
    "a preset by its name": ("lan", ("delay=500us",), ("delay=500us",)),
    "both directions over a preset": (
        {"preset": "fibre", "delay": "1ms"},
        ("delay=1ms", "rate=100Mbit/s"),
        ("delay=1ms", "rate=300Mbit/s"),
    ),
    "one direction over a preset": (
        {"preset": "lan", "down": {"delay": "9ms"}},
        ("delay=500us",),
        ("delay=9ms",),
    ),
    "one direction over both over a preset": (
        {"preset": "lan", "delay": "2ms", "up": {"delay": "3ms", "rate": "1Mbit/s"}},
        ("delay=3ms", "rate=1Mbit/s"),
        ("delay=2ms",),
    ),
}


@pytest.mark.parametrize(("written", "up", "down"), PATHS.values(), ids=PATHS)
def test_a_path_unfolds_into_two_directions(written: Any, up: tuple[str, ...], down: tuple[str, ...]) -> None:
    def link(pairs: tuple[str, ...]) -> LinkSpec:
        return LinkSpec.model_validate(dict(pair.split("=") for pair in pairs))

    path = PathSpec.model_validate(written)
    assert (path.up, path.down) == (link(up), link(down))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_fills_in_what_is_left_out(profile: str) -> None:
    defaults = PROFILES[profile]
    spec = WorkloadSpec.model_validate({"profile": profile})
    assert (spec.chunks, spec.interval, spec.size) == (defaults.chunks, defaults.interval_ns, defaults.size_bytes)
    said = WorkloadSpec.model_validate({"profile": profile, "chunks": 3, "interval": "1ms", "size": "2B"})
    assert (said.chunks, said.interval, said.size) == (3, MS, 2)


def test_requests_in_all_are_the_streams_unless_said() -> None:
    assert ClientSpec(streams=3).request_count == 3
    assert ClientSpec(streams=3, requests=7).request_count == 7


@pytest.mark.parametrize("value", [True, "1", 1.0, None])
def test_a_count_is_an_integer(value: Any) -> None:
    with pytest.raises(ValidationError):
        ClientSpec(streams=value)


@pytest.mark.parametrize("value", ["yes", "true", 1, 0, None])
def test_a_switch_is_true_or_false(value: Any) -> None:
    with pytest.raises(ValidationError):
        ServerSpec(nodelay=value)


CLOSING: dict[str, tuple[dict[str, Any], bool]] = {
    "kept alive": ({}, True),
    "no keep-alive": ({"keepalive": False}, False),
    "delimited by its end": ({"framing": "close"}, False),
}


@pytest.mark.parametrize(("server", "lasts"), CLOSING.values(), ids=CLOSING)
def test_a_connection_is_reused_only_where_it_lasts(server: dict[str, Any], lasts: bool) -> None:
    assert CellSpec.model_validate({"server": server, "client": {"reuse": 1}}).client.reuse == 1
    document = {"server": server, "client": {"reuse": 2}}
    if lasts:
        assert CellSpec.model_validate(document).client.reuse == 2
    else:
        with pytest.raises(ValidationError, match=r"client\.reuse = 2 needs a connection that lasts"):
            CellSpec.model_validate(document)


def test_a_reader_comes_back_on_a_connection_of_its_own() -> None:
    assert ClientSpec(reconnect=True).comes_back
    with pytest.raises(ValidationError, match=r"reconnect: .* 2 requests: use reuse = 1"):
        ClientSpec(reconnect=True, reuse=2)


# What a browser does whatever it is told → why it is not told.
TOLD = {
    "browser": (False, "reads with fetch, which never comes back"),
    "browser-eventsource": (True, "always comes back"),
}


@pytest.mark.parametrize("kind", TOLD)
def test_a_browser_is_not_told_whether_to_come_back(kind: Any) -> None:
    comes_back, why = TOLD[kind]
    assert ClientSpec(kind=kind).comes_back is comes_back
    with pytest.raises(ValidationError, match=f'reconnect: kind = "{kind}" {why}'):
        ClientSpec(kind=kind, reconnect=True)


def test_a_retry_time_is_what_a_stream_can_say() -> None:
    assert ServerSpec.model_validate({"retry": "0ms"}).retry == 0
    with pytest.raises(ValidationError, match=r"retry = 1500us: a stream can say whole milliseconds only"):
        ServerSpec.model_validate({"retry": "1500us"})


@given(specs.cells)
def test_a_resolved_cell_reads_back_as_itself(tables: dict[str, Any]) -> None:
    """The JSON of run.json is all that --resume has."""
    spec = CellSpec.model_validate(tables)
    stored = json.loads(json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_none=True)))
    assert CellSpec.model_validate(stored) == spec


@given(st.sampled_from(sorted(PRESETS)), specs.links, specs.links)
def test_a_direction_takes_its_own_before_both_before_the_preset(
    preset: str, both: dict[str, Any], own: dict[str, Any]
) -> None:
    path = PathSpec.model_validate({"preset": preset, **both, "up": own})
    assert path.up == LinkSpec.model_validate({**PRESETS[preset].get("up", {}), **both, **own})
    assert path.down == LinkSpec.model_validate({**PRESETS[preset].get("down", {}), **both})
