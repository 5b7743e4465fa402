"""A scenario file: what is refused, and with which words; and what `run.json` keeps of one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ScenarioError
from lab.model.matrix import expand
from lab.model.scenario import parse_scenario, read_document
from tests.model import specs

# Each: the document, and what the message must say: the key, what was read, what is allowed. The file is always named.
BAD: dict[str, tuple[str, list[str]]] = {
    "not TOML": ("[server", ["not valid TOML"]),
    "a table that is none": (
        "[sever]\nflush = 'end'",
        ["unknown table 'sever'", "server, request, host, path, cross, proxy, client, budget, matrix"],
    ),
    "a key that is none": ("[server]\nflsh = 'end'", ["unknown key 'server.flsh'", "flush, early_headers, nodelay"]),
    "a setting outside of any table": ("flush = 'end'", ["unknown table 'flush'", "scenario, workload, server"]),
    "a number for a table": ("server = 5", ["server = 5", "write a table of flush"]),
    "a number for the header": ("scenario = 5", ["[scenario] must be a table, not 5"]),
    "a number for the axes": ("matrix = 5", ["[matrix] must be a table, not 5"]),
    "the header": (
        "[scenario]\nrepeats = 3",
        ["[scenario]", "unknown key 'repeats'", "name, description, repeat, seed"],
    ),
    "no repetition": ("[scenario]\nrepeat = 0", ["repeat = 0", "greater than or equal to 1"]),
    "a negative seed": ("[scenario]\nseed = -1", ["seed = -1", "greater than or equal to 0"]),
    "a name that is no file name": ("[scenario]\nname = 'a/b'", ["name = 'a/b'", r"^[\w.-]*$"]),
    "a duration without unit": ("[workload]\ninterval = 20", ["workload.interval", "20", "ns, us, ms, s, min"]),
    "a duration as bare text": ("[workload]\ninterval = '20'", ["workload.interval", "'20'", "as in '20ms'"]),
    "an interval of nothing": ("[workload]\ninterval = '0ms'", ["workload.interval", "'0ms'", "above zero"]),
    "a negative duration": ("[workload]\nfirst = '-1ms'", ["workload.first", "'-1ms'", "as in '20ms'"]),
    "longer than a day": ("[workload]\nfirst = '25000min'", ["workload.first", "'25000min'", "above 1440min"]),
    "a size without unit": ("[workload]\nsize = 8", ["workload.size", "8", "B, kB, KiB, MB, MiB"]),
    "a size of nothing": ("[workload]\nsize = '0B'", ["workload.size", "'0B'", "at least one byte"]),
    "no chunks": ("[workload]\nchunks = 0", ["workload.chunks = 0", "greater than or equal to 1"]),
    "chunks beyond measure": ("[workload]\nchunks = inf", ["workload.chunks = inf", "integer"]),
    "chunks as text": ("[workload]\nchunks = '5'", ["workload.chunks = '5'", "integer"]),
    "a profile that is none": ("[workload]\nprofile = 'gpt'", ["workload.profile = 'gpt'", "'llm', 'phrase'"]),
    "several profiles": ("[workload]\nprofile = ['llm']", ["workload.profile = ['llm']", "'llm', 'phrase'"]),
    "a format that is none": ("[workload]\nformat = 'xml'", ["workload.format = 'xml'", "'plain' or 'openai'"]),
    "half a pause": ("[workload]\npause = { after = 5 }", ["workload.pause.for: missing"]),
    "more than a pause": (
        "[workload]\npause = { after = 5, for = '1s', at = 3 }",
        ["unknown key 'workload.pause.at'", "after, for"],
    ),
    "a pause after the end": (
        "[workload]\nchunks = 5\npause = { after = 5, for = '1s' }",
        ["workload", "pause.after = 5 is not before the last of 5 chunks"],
    ),
    "a flush policy that is none": ("[server]\nflush = 'often'", ["server.flush", "'often'", "every, none, bytes:N"]),
    "a buffer of nothing": ("[server]\nflush = 'bytes:0'", ["server.flush", "'bytes:0'", "every, none, bytes:N"]),
    "an interval without unit": ("[server]\nflush = 'interval:5'", ["server.flush", "'5'", "as in '20ms'"]),
    "a switch as text": ("[server]\nnodelay = 'yes'", ["server.nodelay = 'yes'", "boolean"]),
    "two writes per chunk": ("[server]\nwrites_per_chunk = 2", ["server.writes_per_chunk = 2", "1 or 3"]),
    "frames without framing": (
        "[server]\nwrites_per_chunk = 3\nframing = 'close'",
        ["server", "writes_per_chunk = 3 needs framing = 'chunked'"],
    ),
    "a framing that is none": ("[server]\nframing = 'length'", ["server.framing = 'length'", "'chunked' or 'close'"]),
    "a congestion control that cannot be": ("[server]\ncongestion = 'a b'", ["server.congestion = 'a b'", "pattern"]),
    "a buffer larger than a C int": ("[server]\nsndbuf = '4096MiB'", ["server.sndbuf", "'4096MiB'", "2147483647B"]),
    "a preset that is none": ("path = 'lann'", ["path", "preset = 'lann'", "loopback, lan, fibre, wifi, 4g, 3g"]),
    "several presets": ("[path]\npreset = ['lan']", ["path", "preset = ['lan']", "loopback, lan, fibre"]),
    "a number for a path": ("path = 5", ["path = 5", "write a table of backend, preset"]),
    "a path key that is none": (
        "[path]\ndelya = '1ms'",
        ["unknown key 'path.delya'", "preset, up, down, delay, jitter"],
    ),
    "a link key that is none": (
        "[path.up]\ndelya = '1ms'",
        ["unknown key 'path.up.delya'", "delay, jitter, loss, rate, queue"],
    ),
    "a number for a direction": ("[path]\nup = 5", ["path.up = 5", "write a table of delay, jitter"]),
    "a delay without unit": ("[path.down]\ndelay = 5", ["path.down.delay", "5", "as in '20ms'"]),
    "a loss without percent": ("[path]\nloss = 0.02", ["path.up.loss", "0.02", "write '2%'"]),
    "a loss above all": ("[path]\nloss = '200%'", ["path.up.loss", "'200%'", "0 to 100"]),
    "a loss model that is none": (
        "[path]\nloss = { model = 'gilbert' }",
        ["path.up.loss", "model = 'gilbert'", "'bernoulli', 'drop-list', 'gilbert-elliott', 'blackouts', 'tail'"],
    ),
    "a drop-list of nothing": ("[path]\nloss = { model = 'drop-list' }", ["path.up.loss.packets: missing"]),
    "a drop-list with a stranger": (
        "[path.down]\nloss = { packets = [1], seed = 3 }",
        ["unknown key 'path.down.loss.seed'", "model, packets"],
    ),
    "packets counted from 0": (
        "[path.down]\nloss = { packets = [0] }",
        ["path.down.loss.packets.0 = 0", "greater than or equal to 1"],
    ),
    "a probability that is no number": (
        "[path.down]\nloss = { probability = nan }",
        ["path.down.loss.probability = nan", "less than or equal to 1"],
    ),
    "a good state without a bad one": ("[path]\nloss = { good = '1s' }", ["path.up.loss.probability: missing"]),
    "a bad state of no time": (
        "[path]\nloss = { good = '1s', bad = '0s' }",
        ["path.up.loss.bad", "'0s'", "at least 1ms"],
    ),
    "blackouts that overlap": (
        "[path]\nloss = { periods = [{ at = '0s', for = '2s' }, { at = '1s', for = '1s' }] }",
        ["path.up.loss", "the period at 1s begins before the one before it has ended"],
    ),
    "a blackout without an end": (
        "[path.down]\nloss = { periods = [{ at = '0s' }] }",
        ["path.down.loss.periods.0.for: missing"],
    ),
    "dark for ever": (
        "[path]\nloss = { periods = [{ at = '0s', for = '2s' }], every = '2s' }",
        ["path.up.loss", "every = 2s", "nothing would ever pass"],
    ),
    "a jitter without unit": ("[path]\njitter = 3", ["path.up.jitter", "3 is no jitter", "'normal', 'uniform'"]),
    "a jitter of an unknown kind": (
        "[path]\njitter = { model = 'pareto' }",
        ["path.up.jitter", "model = 'pareto'", "'normal', 'uniform', 'trace'"],
    ),
    "reordering in words": (
        "[path]\njitter = { spread = '1ms', reorder = 'yes' }",
        ["path.up.jitter.reorder = 'yes'", "valid boolean"],
    ),
    "a step to nothing": (
        "[path.down]\nrate = [{ at = '0s', rate = '0bit/s' }]",
        ["path.down.rate.steps.0.rate", "'0bit/s'", "above zero"],
    ),
    "a first step too late": (
        "[path]\nrate = [{ at = '1s', rate = '1Mbit/s' }]",
        ["path.up.rate", "the first step is at 1s: it must be at '0s'"],
    ),
    "a rate of an unknown kind": ("[path]\nrate = { model = 'ramp' }", ["path.up.rate", "'ramp'", "'steps', 'trace'"]),
    "an unknown queue": (
        "[path]\nrate = '1Mbit/s'\nqueue = { model = 'red' }",
        ["path.up.queue", "model = 'red'", "one of 'codel'"],
    ),
    "a CoDel without patience": (
        "[path]\nrate = '1Mbit/s'\nqueue = { target = '1s' }",
        ["path.up.queue", "target = 1s is not below interval = 100ms"],
    ),
    "an unknown key of CoDel": (
        "[path]\nrate = '1Mbit/s'\nqueue = { targt = '5ms' }",
        ["unknown key 'path.up.queue.targt'", "model, target, interval, limit"],
    ),
    "a rate without unit": ("[path]\nrate = '5'", ["path.up.rate", "'5'", "bit/s, kbit/s, Mbit/s, Gbit/s"]),
    "a rate of nothing": ("[path]\nrate = '0bit/s'", ["path.up.rate", "'0bit/s'", "above zero"]),
    "a queue without a rate": ("[path.down]\nqueue = '9p'", ["path.down", "queue without a rate", "give `rate` too"]),
    "a queue without unit": ("[path]\nrate = '1Mbit/s'\nqueue = 9", ["path.up.queue", "9", "'200p'"]),
    "a loopback that delays": (
        "[path]\nbackend = 'loopback'\ndelay = '1ms'",
        ["path", "backend = 'loopback' applies no delay", "use 'tun' or 'auto'"],
    ),
    "no streams": ("[client]\nstreams = 0", ["client.streams = 0", "greater than or equal to 1"]),
    "streams as a switch": ("[client]\nstreams = true", ["client.streams = True", "integer"]),
    "fewer requests than streams": (
        "[client]\nstreams = 3\nrequests = 2",
        ["client", "requests = 2 leaves some of the 3 streams without work"],
    ),
    "arrivals that are none": ("[client]\narrivals = 'often'", ["client.arrivals", "'often'", "staggered:50ms"]),
    "arrivals without unit": ("[client]\narrivals = 'poisson:20'", ["client.arrivals", "'poisson:20'", "poisson:20/s"]),
    "a quick ACK that is none": ("[client]\nquickack = true", ["client.quickack = True", "'default', 'on' or 'off'"]),
    "reuse of a connection that ends": (
        "[server]\nkeepalive = false\n[client]\nreuse = 2",
        ["client.reuse = 2", "server.keepalive = false", "use reuse = 1"],
    ),
    "reuse of a connection that ends the body": (
        "[server]\nframing = 'close'\n[client]\nreuse = 2",
        ["client.reuse = 2", "server.framing = 'close'", "use reuse = 1"],
    ),
    "an axis that is no list": ("[matrix]\n'server.flush' = 'end'", ["[matrix] server.flush = 'end'", "a list"]),
    "an axis without values": ("[matrix]\n'server.flush' = []", ["[matrix] server.flush = []", "one value or more"]),
    "an axis without quotes": ("[matrix]\nserver.flush = ['end']", ["[matrix] server", '"server.flush"']),
    "an axis of no table": ("[matrix]\n'sever.flush' = ['end']", ["unknown key 'sever.flush'", "workload, server"]),
    "an axis of no key": ("[matrix]\n'server.flsh' = ['end']", ["unknown key 'server.flsh'", "flush, early_headers"]),
    "an axis with a bad value": ("[matrix]\n'server.flush' = ['end', 'x']", ["cell 'x'", "server.flush", "'x'"]),
    "an axis through a number": ("server = 5\n[matrix]\n'server.cork' = [true]", ["'server.cork'", "5 is not a table"]),
    "an axis of the header": (
        "[matrix]\n'scenario.seed' = [1, 2]",
        ["unknown key 'scenario.seed'", "workload, server"],
    ),
    "an exclusion that is no list": ("exclude = 5", ["write [[exclude]]", "not 5"]),
    "an exclusion without axis": ("[[exclude]]\n'server.flush' = 'end'", ["[[exclude]] 'server.flush' is no axis"]),
    "an exclusion of no value": (
        "[matrix]\n'server.flush' = ['end']\n[[exclude]]\n'server.flush' = 'none'",
        ["[[exclude]] server.flush = 'none'", "['end']"],
    ),
    "everything excluded": (
        "[matrix]\n'server.flush' = ['end']\n[[exclude]]\n'server.flush' = 'end'",
        ["every cell is excluded"],
    ),
    "a cell that is no list": ("[cell]\nname = 'a'", ["write [[cell]]", "{'name': 'a'}"]),
    "a cell without name": ("[[cell]]\n'server.cork' = true", ["[[cell]] name = ''", "letters, digits"]),
    "a cell with a path for a name": ("[[cell]]\nname = '../x'", ["[[cell]] name = '../x'", "letters, digits"]),
    "a cell that Parquet would hide": ("[[cell]]\nname = '_x'", ["[[cell]] name = '_x'", "a letter or digit first"]),
    "a cell with a long name": (f"[[cell]]\nname = '{'x' * 51}'", ["[[cell]] name", "at most 50 characters"]),
    "a cell with an unknown key": ("[[cell]]\nname = 'a'\n'server.x' = 1", ["cell 'a'", "unknown key 'server.x'"]),
    # What the lab does not have is refused like any other slip, and not ignored.
    "an unknown key of the proxy": ("[proxy]\nport = 1", ["unknown key 'proxy.port'", "allowed here: command"]),
    "a budget of nothing": ("[budget]\nttfc = ['p(95)<1']", ["budget", "'ttfc' is nothing", "ttfc_ms"]),
    "a budget in no words of k6": ("[budget]\nttfc_ms = ['p95<1']", ["ttfc_ms: 'p95<1' is no budget", "'p(95)<120'"]),
    "a budget without a list": ("[budget]\nttfc_ms = 'p(95)<1'", ["ttfc_ms = 'p(95)<1'", "a list"]),
    "a budget that is no table": ("budget = 3", ["budget", "3: write a table"]),
    "cross traffic without a path": ("[[cross]]\nflows = 1", ["cross", "no emulated path", "give [path] a rate"]),
    "cross traffic without a bottleneck": (
        "path = 'lan'\n[[cross]]\ndirection = 'up'",
        ["cross", "path.up has no rate", "give path.up.rate"],
    ),
    "cross traffic beside a URL": (
        "[server]\nurl = 'http://x:1'\n[[cross]]\nflows = 1",
        ["cross", "no emulated path to share"],
    ),
    "no flows": ("path = '3g'\n[[cross]]\nflows = 0", ["cross.0.flows = 0", "greater than or equal to 1"]),
    "flows to nowhere": ("path = '3g'\n[cross]\ndirection = 'left'", ["cross.0.direction = 'left'", "'down' or 'up'"]),
    "a flow key that is none": (
        "path = '3g'\n[[cross]]\nflow = 1",
        ["unknown key 'cross.0.flow'", "flows, congestion, direction, start, stop"],
    ),
    "a flow that stops before it starts": (
        "path = '3g'\n[[cross]]\nstart = '2s'\nstop = '1s'",
        ["cross.0", "stop = 1s is not after start = 2s"],
    ),
    "a number for cross traffic": ("path = '3g'\ncross = 5", ["cross = 5", "valid tuple"]),
    "host settings without hosts": (
        "[host]\nmtu = 1000",
        ["host.mtu = 1000", "path's own namespaces", "Give it a path"],
    ),
    "host settings on a named loopback": (
        "[path]\nbackend = 'loopback'\n[host]\nslow_start_after_idle = false",
        ["host.slow_start_after_idle = False", "never written to this machine's"],
    ),
    "host settings beside a URL": (
        "[server]\nurl = 'http://x:1'\n[host]\nrto_min = '50ms'",
        ["host.rto_min", "never written to this machine's"],
    ),
    "autocork without a bottleneck": (
        "path = 'lan'\n[host]\nautocork = false",
        ["host.autocork = false", "give path.down.rate"],
    ),
    "autocork before a bounded queue": (
        "path = 'bufferbloat'\n[host]\nautocork = true",
        ["host.autocork = true", "leave path.down.queue out"],
    ),
    "an initial window of nothing": (
        "path = 'lan'\n[host]\ninitial_window = 0",
        ["host.initial_window = 0", "greater than or equal to 1"],
    ),
    "an RTO in microseconds": ("path = 'lan'\n[host]\nrto_min = '1500us'", ["host.rto_min", "1500us", "whole milli"]),
    "an RTO of nothing": ("path = 'lan'\n[host]\nrto_min = '0ms'", ["host.rto_min", "'0ms'", "above zero"]),
    "an ACK held for too long": ("path = 'lan'\n[host]\ndelack_max = '1s'", ["host.delack_max", "1s", "200ms at most"]),
    "an ACK held by a browser": (
        "path = 'lan'\n[host]\ndelack_max = '10ms'\n[client]\nkind = 'browser'",
        ["host.delack_max", "client.kind = 'browser'", 'use "raw"'],
    ),
    "an MTU of a fragment": ("path = 'lan'\n[host]\nmtu = 68", ["host.mtu = 68", "greater than or equal to 576"]),
    "an MTU of a jumbo": ("path = 'lan'\n[host]\nmtu = 9000", ["host.mtu = 9000", "less than or equal to 1500"]),
    "a host key that is none": (
        "path = 'lan'\n[host]\nmut = 1",
        ["unknown key 'host.mut'", "slow_start_after_idle, au"],
    ),
    "a segment too small": ("[server]\nmss = 40", ["server.mss = 40", "greater than or equal to 88"]),
    "a segment of somebody else's server": (
        "[server]\ncommand = 'x {port}'\nmss = 536",
        ["server: mss", "switches of the lab's own server"],
    ),
    "a method that is none": ("[request]\nmethod = 'get it'", ["request.method", "'get it'"]),
    "a path that is none": ("[request]\npath = 'events'", ["request.path", "'events'"]),
    "a header of two lines": ('[request]\nheaders = { a = "b\\nc" }', ["request.headers", "no header field"]),
    "a client that there is none of": ("[client]\nkind = 'telnet'", ["client.kind = 'telnet'", "'raw'"]),
    "the backend netem": ("[path]\nbackend = 'netem'", ["path.backend = 'netem'", "'auto', 'tun' or 'loopback'"]),
    "a replay of nothing": ("[workload]\nprofile = 'replay'", ["profile = 'replay'", "needs capture = 'FILE'"]),
    "a command without a port": ("[server]\ncommand = 'x'", ["command = 'x'", "{port}"]),
    "a command with a mode": ("[server]\ncommand = 'x {port}'\ncork = true", ["cork", "the lab's own server"]),
    "a mode of nobody's command": ("[server]\nready = '/up'", ["ready", "only with server.command"]),
    "a command and a server that runs": (
        "[server]\ncommand = 'x {port}'\nurl = 'http://x'",
        ["command and url", "leave one of them out"],
    ),
    "a server that runs with a mode": ("[server]\nurl = 'http://x'\ncork = true", ["cork", "the lab's own server"]),
    "a server that runs with a command's key": (
        "[server]\nurl = 'http://x'\ncwd = '/'",
        ["cwd", "only with server.command"],
    ),
    "a server behind TLS": ("[server]\nurl = 'https://x'", ["server.url: 'https://x'", "lab probe and lab load"]),
    "a server and a path": ("[server]\nurl = 'http://x/v1'", ["server.url: 'http://x/v1'", "request.path"]),
    "a server on no port": ("[server]\nurl = 'http://x:99999'", ["server.url: 'http://x:99999'", "http://host:port"]),
    "a server without a name": ("[server]\nurl = 'http://'", ["server.url: 'http://'", "http://host:port"]),
    "a path to a server that runs": (
        "path = 'lan'\n[server]\nurl = 'http://x'",
        ["leave [path] out", "server.command"],
    ),
    "a response's header of two lines": ('[server]\nheaders = { a = "b\\nc" }', ["server.headers", "no header field"]),
}


@pytest.mark.parametrize(("text", "fragments"), BAD.values(), ids=BAD)
def test_a_refusal_names_the_file_the_key_what_was_read_and_what_is_allowed(text: str, fragments: list[str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        expand(parse_scenario(text, "some/file.toml", "file"))
    message = str(caught.value)
    assert message.startswith("some/file.toml: ")
    assert [fragment for fragment in fragments if fragment not in message] == [], message
    assert "\n" not in message.removesuffix("\n") or "not valid TOML" in message


def test_an_empty_file_is_one_cell_of_defaults() -> None:
    scenario = parse_scenario("", "x.toml", "x")
    assert scenario.header.name == "x"
    assert [cell.name for cell in expand(scenario)] == ["only"]


def test_the_header_says_what_the_command_line_does_not() -> None:
    text = "[scenario]\nname = 'a'\nrepeat = 5\nseed = 9"
    header = parse_scenario(text, "x.toml", "x", {"scenario.repeat": 2}).header
    assert (header.name, header.repeat, header.seed) == ("a", 2, 9)


def test_an_override_of_the_header_is_checked_like_the_file() -> None:
    with pytest.raises(ScenarioError, match=r"x\.toml: \[scenario\]: repeat = 'often'"):
        parse_scenario("", "x.toml", "x", {"scenario.repeat": "often"})


def test_the_given_document_is_not_changed() -> None:
    document: dict[str, Any] = {"scenario": {"seed": 2}, "server": {"cork": True}, "matrix": {"path.delay": ["1ms"]}}
    before = repr(document)
    expand(read_document(document, "x", "x", {"server.cork": False, "path": "lan"}))
    assert repr(document) == before


@given(specs.cells, st.booleans())
def test_a_scenario_is_kept_as_it_was_written(tables: dict[str, Any], crossed: bool) -> None:
    axes = {"matrix": {"server.nodelay": [True, False]}, "exclude": [{"server.nodelay": True}]} if crossed else {}
    document = {"scenario": {"seed": 3}, **tables, **axes, "cell": [{"name": "more", "server.cork": True}]}
    scenario = read_document(document, "x.toml", "x")
    assert read_document(scenario.as_written(), "x.toml", "other") == scenario
