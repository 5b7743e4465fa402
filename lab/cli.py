"""The commands: parse, call, print. No logic stands here, and nothing heavy is imported before it is needed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.errors import UsageError
from lab.model.values import parse_assignments

if TYPE_CHECKING:
    from lab.trace.run_info import UntilDecided

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


@click.group(context_settings=CONTEXT)
@click.version_option(package_name="typewriter-lab", prog_name="lab")
def app() -> None:
    """A laboratory for token streams: which layer held which letter, and for how long.

    \b
    lab run                      the default matrix: flush × Nagle × path, with charts and a report
    lab run nagle --repeat 5     another shipped scenario; or give a TOML file
    lab load URL                 Locust's users reading streams, with its page
    lab list                     scenarios, presets and every scenario key
    lab doctor --calibrate       what this machine can do, the remedy for what it cannot, and how exact it is
    lab probe URL                a real endpoint from outside: timings, and who holds its letters
    lab check RUN                is it worse than it was? the regression gate, for CI

    Exit codes: 0 fine · 1 worse, or a budget breached (check) · 2 wrong usage or bad input · 3 not a
    measurement (invalid, failed, or skipped where it had to run) or undecided · 70 a fault of the lab
    itself · 130 interrupted.
    """


def _settings(pairs: tuple[str, ...], option: str) -> dict[str, Any]:
    try:
        return parse_assignments(pairs)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


@app.command()
@click.argument("scenario", default="typewriter")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Override a key in every cell.")
@click.option(
    "--only", multiple=True, metavar="KEY=VALUE", help="Run only the cells with this axis value (or cell=NAME)."
)
@click.option("--repeat", type=click.IntRange(1, 10_000), help="Repetitions of every cell.")
@click.option("--seed", type=click.IntRange(0), help="Seed of workloads, losses, jitter and order.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Repetitions at a time, where `lab doctor --calibrate` found that this machine bears so many.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Where runs go."
)
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with a run that was interrupted.")
@click.option("--dry-run", is_flag=True, help="Check the scenario and list its cells; run nothing.")
@click.option(
    "--until-decided",
    metavar="AXIS=BASE",
    help="Add repetitions until lab check --axis AXIS --base BASE can decide; needs --max-time.",
)
@click.option("--max-time", metavar="T", help="Add none that would end later than T after the start, as in 5min.")
def run(
    scenario: str,
    sets: tuple[str, ...],
    only: tuple[str, ...],
    repeat: int | None,
    seed: int | None,
    jobs: int,
    out: Path,
    resume: Path | None,
    dry_run: bool,
    until_decided: str | None,
    max_time: str | None,
) -> int:
    """Run a matrix and report on it: a shipped SCENARIO by name, or a TOML file.

    Every cell is run several times, interleaved in a seeded order, one after the other or --jobs at a time. With somebody
    else's program in it (server, proxy, any client but raw) it runs alone all the same: nothing would tell a neighbour's
    share in its lateness. The last line printed is the run's directory, with
    report.html, charts/, summary.csv and the Parquet tables in it. What this machine cannot apply is skipped by name.
    """
    from lab import session

    if resume is not None:
        _refuse_with_resume()
        return session.resume(resume)
    header = {"scenario.repeat": repeat, "scenario.seed": seed}
    overrides = _settings(sets, "--set") | {key: value for key, value in header.items() if value is not None}
    wish = _wish(until_decided, max_time)
    plan = session.plan(scenario, overrides, _settings(only, "--only"))
    return session.describe(plan) if dry_run else session.start(plan, out, jobs, wish)


def _wish(until_decided: str | None, max_time: str | None) -> "UntilDecided | None":
    from lab.trace.run_info import UntilDecided

    if until_decided is None and max_time is None:
        return None
    if until_decided is None or max_time is None:
        raise UsageError("--until-decided and --max-time belong together: what to decide, and when to give up")
    axis, equals, base = until_decided.partition("=")
    if not axis or not equals or not base:
        raise UsageError(f"--until-decided {until_decided}: write AXIS=BASE, as in server.flush=every")
    return UntilDecided(axis=axis, base=base, max_time_s=_duration_s(max_time, "--max-time"))


def _refuse_with_resume() -> None:
    """Whatever else was given would be ignored: the run has its scenario, its settings and its place."""
    context = click.get_current_context()
    sources = {parameter: context.get_parameter_source(parameter.name or "") for parameter in context.command.params}
    given = [each.opts[0] for each, source in sources.items() if source is click.core.ParameterSource.COMMANDLINE]
    if others := [each for each in given if each != "--resume"]:
        raise UsageError(f"--resume goes on with a run as it was begun: leave {', '.join(others)} out")


@app.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path), default=Path("results/latest"))
def report(run: Path) -> int:
    """Charts, report.html and the summary tables of RUN again, from its stored trace (default: results/latest)."""
    from lab import session

    return session.report(run)


@app.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path), default=Path("results/latest"))
@click.option("--baseline", metavar="RUN_OR_FILE", type=click.Path(path_type=Path), help="Compare with another run.")
@click.option("--axis", metavar="KEY", help="Compare cells of this run that differ in KEY alone; needs --base.")
@click.option("--base", metavar="VALUE", help="The value of --axis that the others are compared with.")
@click.option("--budget", "budgets", multiple=True, metavar="'NAME RULE'", help="A limit for every cell; repeatable.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="What to compare; repeatable [ttfc_ms_p50].")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML too.")
@click.option(
    "--markdown",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a summary as Markdown too.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the table.")
def check(
    run: Path,
    baseline: Path | None,
    axis: str | None,
    base: str | None,
    budgets: tuple[str, ...],
    metrics: tuple[str, ...],
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> int:
    """Is RUN worse than it was, or over its budgets? The regression gate for CI (default: results/latest).

    \b
    lab run my.toml --until-decided server.command='COMMAND OF BASE' --max-time 5min
    lab check results/latest --axis server.command --base 'COMMAND OF BASE'
    lab check results/latest --baseline results/baseline.json --metric ttfc_ms_p50 --metric gap_ms_p99
    lab check results/latest --budget 'ttfc_ms p(95)<120' --budget 'stall_ratio_100 value==0'

    --axis is the better way on a noisy machine: both sides ran in turn, A B B A, so its drift cancels. Cells are paired by
    the values of their axes, repetitions by their number; each repetition counts once, however many chunks it has.

    A comparison is worse or better when the change is beyond both floors (5 % and 1 ms; 0.1 chunks per read; 0.01 for
    stall ratios and fluidity), with its whole 90 % interval, and not zero at a level corrected for all comparisons. It is
    same when the interval lies within a floor, and undecided otherwise, with how many more repetitions would decide.
    Twelve pairs decide on a quiet machine; with fewer than six (eight, of five comparisons) nothing is worse or better.

    A budget is NAME and a rule: avg, min, max, med or p(N) of ttfb_ms, ttfc_ms, gap_ms, lateness_ms or age_ms, or value of
    any column of summary.csv, then < <= > >= == or !=, and a number. It is kept, or breached, when the bounds of the figure
    are on one side of the limit (bootstrap over repetitions, six at least), and undecided between. A p(95) can only be kept
    with 59 values, a p(99) with 299: use more streams. A scenario's own budgets stand in its table [budget].

    With GITHUB_ACTIONS=true what is not fine is also annotated. --json: verdict, comparisons [{cell, axes, metric, base,
    head, ratio, low, high, verdict}], budgets [{cell, metric, rule, value, low, high, verdict}]. Verdicts: better, same,
    worse, undecided, invalid; of a budget ok, worse, undecided, invalid. low and high are the 90 % interval of ratio and
    the bounds of value, null where not known; ratio is null where a figure is 0.

    Exit codes: 0 same or better and budgets kept · 1 worse, or a budget breached · 3 undecided, or not a measurement
    (1 beats 3) · 2 wrong usage or nothing that can be compared.
    """
    from lab.gate.check import DEFAULT_METRICS, Wishes
    from lab.gate.command import Outputs, run_check

    wishes = Wishes(baseline, axis or "", base or "", metrics or DEFAULT_METRICS, budgets)
    return run_check(run, wishes, Outputs(junit, markdown, as_json))


@app.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path), default=Path("results/latest"))
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where to.")
def baseline(run: Path, out: Path) -> int:
    """Keep what RUN measured as a small file to compare later runs with (default: results/latest).

    \b
    lab baseline results/latest --out results/baseline.json
    lab check results/latest --baseline results/baseline.json

    It is JSON that a person can review: per cell its axes, the conditions it was measured under, and for each metric one
    figure per valid repetition; and the machine. On another kind of machine durations are compared in ratio to a cell of
    both on loopback with flush = every and nodelay = true, and without such a cell the baseline is refused.
    """
    from lab.gate.command import make_baseline

    return make_baseline(run, out)


@app.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Default for a key of [workload] or [server].")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the texts and intervals.")
def serve(host: str, port: int, sets: tuple[str, ...], seed: int) -> int:
    """The SSE server alone. Query parameters are the keys of [workload] and [server].

    \b
    curl -N 'http://127.0.0.1:8000/v1/chat/completions?format=plain'
    curl -N 'http://127.0.0.1:8000/v1/chat/completions?profile=ticker&chunks=250&interval=20ms&flush=none'
    curl -N 'http://127.0.0.1:8000/events?nodelay=false'

    POST /v1/chat/completions takes an OpenAI request ("stream": false gives one JSON answer). GET /events is for
    EventSource, GET /healthz for probes. SIGTERM lets running streams end; Ctrl-C does not wait.
    """
    from lab.server.alone import serve_alone

    serve_alone(host, port, _settings(sets, "--set"), seed)
    return 0


@app.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("target", required=False)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Where runs go."
)
def load(target: str | None, options: tuple[str, ...], out: Path) -> int:
    """Load a server with Locust and its page, and record every chunk: TARGET is a URL or host:port, OPTIONS are Locust's.

    \b
    lab load http://127.0.0.1:8000                                  the web page, on port 8089
    lab load http://127.0.0.1:8000 --headless -u 100 -r 10 -t 1m --html stats.html
    lab load http://127.0.0.1:8000 -f my_locustfile.py              your own users and load shapes
    lab load http://10.0.0.1:8000 --master                          on one host, and on each of the others:
    lab load --worker --master-host 10.0.0.2 --processes 4

    Locust's statistics show TTFC, gap and stream; your own users subclass lab.clients.locust.user.SSEUser or OpenAIUser.
    Each test becomes a run, where it is controlled: the directory is printed last and `lab report` works on it. With more
    than one host it has one repetition for each of them. `lab load -h` shows Locust's options. The exit code is Locust's.
    """
    from lab.load import load

    return load(target, options, out)


@app.command()
@click.argument("url")
@click.option("--method", metavar="NAME", help="GET; POST when there is a body.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A field of the request; repeatable.")
@click.option("--body", metavar="TEXT|@FILE", help="The request's body, as JSON unless a Content-Type says otherwise.")
@click.option("--api-key-env", metavar="NAME", help="The environment variable with the API key: see below.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Ask so many times.")
@click.option("--toggle", is_flag=True, help="Ask again with one thing changed at a time, and say what matters.")
@click.option("--record", type=click.Path(path_type=Path, dir_okay=False), help="Write what came to FILE, for replay.")
@click.option("--timeout", default="60s", show_default=True, help="Give each request so long, connecting included.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, and nothing is typed.")
def probe(
    url: str,
    method: str | None,
    headers: tuple[str, ...],
    body: str | None,
    api_key_env: str | None,
    repeat: int,
    toggle: bool,
    record: Path | None,
    timeout: str,
    as_json: bool,
) -> int:
    """Measure the event stream at URL from outside: type it as it arrives, then its timings, ending, headers, verdict.

    \b
    lab probe http://127.0.0.1:8000/v1/chat/completions
    lab probe https://api.openai.com/v1/chat/completions --body @request.json
    lab probe https://llm.example/v1/chat/completions --body @request.json --api-key-env LLM_KEY --toggle

    OpenAI's chunks and plain SSE are told apart by themselves. The verdict is drawn from the pattern of arrivals alone:
    smooth, whole-body, byte-lumps, timer, one-late, delayed-ack, source-bursts, unterminated, stalled, or undecided.
    Nothing is asked for compressed unless a header does; redirects are not followed. After the first chunk 20 s of silence
    are a stall; more than 256 MiB or 200,000 chunks are not read.

    The API key goes as a Bearer token, and is never shown. The variable named by --api-key-env is sent over https, or to
    this machine. Without the option OPENAI_API_KEY is sent to https://api.openai.com, and to nobody else.

    --toggle: gzip or identity, GET or POST, a kept-alive or a fresh connection, another Accept.

    --json: url, status, connect_ms, ttfb_ms, ttfc_ms (of the first chunk), gap_ms {p50, p95, p99, max}, chunks, reads,
    chunks_per_read, completion (done, closed, truncated, reset, timeout, stopped or error), headers [{name, value,
    advice}], verdict, evidence; with --repeat also repetitions, with --toggle also toggles [{change, matters,
    differences, and the same figures}]. null is what was not measured.

    Exit codes: 0 measured to its end · 3 not · 2 wrong usage · 130 interrupted, with what there was.
    """
    from lab.probe import Wishes
    from lab.probe import probe as run_probe

    limit_s = _duration_s(timeout, "--timeout")
    return run_probe(Wishes(url, method, headers, body, api_key_env, repeat, toggle, record, limit_s, as_json))


def _duration_s(text: str, option: str) -> float:
    from lab.model.units import NS_PER_S, parse_duration

    try:
        duration_ns = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if duration_ns == 0:
        raise UsageError(f"{option} {text}: must be above zero")
    return duration_ns / NS_PER_S


@app.command()
@click.option("--calibrate", is_flag=True, help="Measure the floor of this machine too, and remember it for --jobs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def doctor(calibrate: bool, as_json: bool) -> int:
    """What this machine can do, each thing tried out; for what is missing, the reason and the remedy.

    --calibrate measures for about 40 s with the lab's own parts how exact this machine is and up to which load its results
    are valid: timers, the emulator at rising packet rates, server and client at rising numbers of streams, and how many
    cells may run side by side (`lab run --jobs`). Let the machine be otherwise quiet.

    --json: a list of {name, meaning, works, reason, remedy}. With --calibrate {capabilities: that list, calibration:
    {machine, measured, took_s, load_average, interval_ms, timer, relay, bottleneck, streams, jobs, not_measured,
    valid_up_to: {packets_per_s, streams, jobs}}}; every step says its load and its objection, null where it was valid.
    """
    from lab import doctor as examination
    from lab.run.outcome import MEASURED, NOT_A_MEASUREMENT, require_all

    found = examination.examine()
    calibration = examination.calibrated() if calibrate else None
    if as_json:
        print(json.dumps(examination.document(found, calibration), indent=1))
    else:
        for line in examination.lines(found, calibration):
            print(line)
    missing = any(not capability.works for capability in found)
    return NOT_A_MEASUREMENT if missing and require_all() else MEASURED


@app.command(name="list")
def list_all() -> int:
    """Scenarios, presets, workloads, and every scenario key with its default."""
    from lab.listing import lines

    for line in lines():
        print(line)
    return 0
