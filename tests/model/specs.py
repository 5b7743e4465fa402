"""Random specifications that the models accept, as a scenario would write them."""

from typing import Any

from hypothesis import strategies as st

from lab.model.presets import PRESETS
from lab.model.units import format_duration, format_rate, format_size
from lab.model.workload import PROFILES

Tables = st.SearchStrategy[dict[str, Any]]

durations = st.integers(0, 10**10).map(format_duration)
positive_durations = st.integers(1, 10**10).map(format_duration)
sizes = st.integers(1, 2**20).map(format_size)
rates = st.integers(1, 10**10).map(format_rate)
flushes = st.one_of(
    st.sampled_from(["every", "none", "end"]),
    sizes.map("bytes:{}".format),
    positive_durations.map("interval:{}".format),
)
queues = st.one_of(st.integers(1, 10_000).map("{}p".format), sizes, positive_durations)
arrivals = st.one_of(
    st.just("together"),
    positive_durations.map("staggered:{}".format),
    st.floats(0.001, 1e6).map("poisson:{!r}/s".format),
)
losses = st.one_of(
    st.floats(0, 100).map("{!r}%".format),
    st.fixed_dictionaries({"model": st.just("bernoulli"), "probability": st.floats(0, 1)}),
    st.fixed_dictionaries({"model": st.just("drop-list"), "packets": st.lists(st.integers(1, 999), min_size=1)}),
    st.fixed_dictionaries({"good": st.just("1s"), "bad": st.just("50ms")}, optional={"bad_loss": st.floats(0, 1)}),
    st.fixed_dictionaries({"periods": st.just([{"at": "1s", "for": "2ms"}])}, optional={"every": st.just("9s")}),
    st.just({"model": "tail"}),
)


def _table(**keys: st.SearchStrategy[Any]) -> Tables:
    return st.fixed_dictionaries({}, optional=keys)


jitters = st.one_of(
    durations,
    st.fixed_dictionaries({"deviation": durations}, optional={"reorder": st.booleans()}),
    st.fixed_dictionaries({"spread": durations}, optional={"reorder": st.booleans()}),
    st.fixed_dictionaries({"file": st.just("x"), "extra_ns": st.lists(st.integers(0, 10**9), min_size=1)}),
)
link_rates = st.one_of(
    rates,
    rates.map(lambda rate: [{"at": "0s", "rate": rate}, {"at": "7ms", "rate": "1Mbit/s"}]),
    st.lists(st.integers(0, 10**6), min_size=1).map(
        lambda times: {"file": "x", "opportunities_ms": [*sorted(times), 10**7]}
    ),
)
link_queues = st.one_of(queues, st.just({"model": "codel", "target": "7ms"}))
links = st.one_of(
    _table(delay=durations, jitter=jitters, loss=losses),
    st.fixed_dictionaries({"rate": link_rates}, optional={"delay": durations, "loss": losses, "queue": link_queues}),
)
paths = st.one_of(
    st.sampled_from(list(PRESETS)),
    _table(preset=st.sampled_from(list(PRESETS)), up=links, down=links),
    links,
)
workloads = st.one_of(
    _table(
        profile=st.sampled_from(list(PROFILES)),
        interval=positive_durations,
        first=durations,
        size=sizes,
        first_size=sizes,
        burst=st.integers(1, 100),
        seed=st.integers(0, 2**63),
        format=st.sampled_from(["plain", "openai"]),
    ),
    st.fixed_dictionaries(
        {
            "chunks": st.integers(50, 10_000),
            "pause": st.fixed_dictionaries({"after": st.integers(1, 49), "for": positive_durations}),
        }
    ),
)
servers = _table(
    flush=flushes,
    early_headers=st.booleans(),
    nodelay=st.booleans(),
    cork=st.booleans(),
    writes_per_chunk=st.sampled_from([1, 3]),
    sndbuf=sizes,
    mss=st.integers(88, 32_767),
    notsent_lowat=sizes,
    congestion=st.sampled_from(["cubic", "reno", "bbr"]),
    resume=st.sampled_from(["replay", "restart", "live"]),
    retry=st.integers(0, 10**6).map("{}ms".format),
)
clients = _table(
    streams=st.integers(1, 50),
    requests=st.integers(50, 500),
    arrivals=arrivals,
    rcvbuf=sizes,
    window_clamp=sizes,
    quickack=st.sampled_from(["default", "on", "off"]),
    read_size=sizes,
    read_delay=durations,
    reuse=st.integers(1, 9),
    think=durations,
)
cells = _table(workload=workloads, server=servers, path=paths, client=clients)
