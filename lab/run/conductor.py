"""One repetition, conducted: relay, server and client forked in this order, joined through the path, ended in reverse.

Runs in the forge, a process with one thread and no event loop. The rule: whatever happens, every child is ended by its owner
here, in bounded time, and a child that died is told with its last words.
"""

import contextlib
import functools
import random
import socket
import time
from collections.abc import Callable
from http.client import HTTP_PORT
from typing import Any
from urllib.parse import urlsplit

from lab.clients.visit import Visit, authority
from lab.errors import MeasurementError
from lab.linux.child import Child, Target
from lab.model.proxy import ProxySpec
from lab.path.base import Path, PathRecord
from lab.path.choose import choose
from lab.run import programs, roles
from lab.run.cross import Crossing
from lab.run.repetition import Clocks, Evidence, Repetition, deadline_s
from lab.trace.records import ClientRecord

# Forking and setting up namespaces takes tens of milliseconds; a machine that needs longer than this is stuck.
_START_S = 10.0
# What a child may take to hand over its record after it was told to stop.
_STOP_S = 20.0

ClientRole = Callable[..., ClientRecord]
"""Called in the client's process as `roles.client` is."""


def conduct(repetition: Repetition, client_role: ClientRole = roles.client) -> Evidence:
    """Run it, with `client_role` as the client. Raises ChildFailed (with last words), CapabilityError, or another LabError.

    Leaves no process behind.
    """
    spec = repetition.cell.spec
    with contextlib.ExitStack() as stack:
        path = choose(spec.path, _link_seed(repetition.seed), spec.host).path
        stack.callback(path.close)
        relay = _start_relay(stack, path)
        beside = [relay] if relay else []
        server, target = _start_server(stack, repetition, path, beside)
        beside += [server] if server else []
        visit = _visit(repetition, _start_proxy(stack, spec.proxy, path, target, beside))
        crossing = Crossing(stack, functools.partial(_fork, stack), spec.cross, path)
        beside += crossing.prepare(_START_S, beside)
        before = read_clocks()
        client = _fork(stack, "client", functools.partial(client_role, spec=spec, visit=visit, path=path))
        crossing.begin(client, _START_S, beside)
        seen = client.result(visit.timeout_s + _STOP_S, beside)
        after = read_clocks()
        flows = crossing.end(_STOP_S)
        served: roles.ServerResult = _stopped(server) if server else roles.ServerResult([], 0)
        log: PathRecord | None = _stopped(relay) if relay else None
        return Evidence(served.said, seen, log, before, after, served.max_slack_ns, flows)


def _visit(repetition: Repetition, target: tuple[str, int]) -> Visit:
    """What the client is to do. A server that was reached by its name is asked by it."""
    spec, request = repetition.cell.spec, repetition.cell.spec.request
    if spec.server.url and (host := urlsplit(spec.server.url).netloc) != authority(target):
        fields = {name.lower(): value for name, value in request.headers.items()}
        request = request.model_copy(update={"headers": {"host": host, **fields}})
    time_limit_s = deadline_s(spec, repetition.seed)
    return Visit(
        target,
        spec.client,
        spec.workload,
        request,
        repetition.seed,
        time_limit_s,
        spec.server.own,
        spec.host.delack_max,
    )


def _start_server(
    stack: contextlib.ExitStack, repetition: Repetition, path: Path, beside: list[Child]
) -> tuple[Child | None, tuple[str, int]]:
    """The lab's own, or the command's, and where it listens; none where one runs already."""
    spec = repetition.cell.spec
    if spec.server.url:
        return None, _resolve(spec.server.url)
    if spec.server.command:
        job = programs.Job(spec.server.command, spec.server.ready, spec.server.env, spec.server.cwd)
        server = _fork(stack, "server command", functools.partial(programs.run, job=job, path=path))
    else:
        server = _fork(stack, "server", functools.partial(roles.server, spec=spec, seed=repetition.seed, path=path))
    port: int = server.receive(programs.START_S + _START_S, beside).payload["port"]
    return server, (path.server_address, port)


def _resolve(url: str) -> tuple[str, int]:
    """The first address of the URL's host, looked up before anything is timed. Raises MeasurementError."""
    parts = urlsplit(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or HTTP_PORT, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise MeasurementError(f"server.url = {url!r}: cannot resolve its name: {reason}: check it") from error
    host, port = found[0][4][:2]
    return str(host), int(port)


def _start_proxy(
    stack: contextlib.ExitStack, spec: ProxySpec, path: Path, target: tuple[str, int], beside: list[Child]
) -> tuple[str, int]:
    """Where clients connect: the proxy if there is one."""
    if not spec.command:
        return target
    job = programs.Job(spec.command, spec.ready, spec.env, "", upstream=authority(target))
    proxy = _fork(stack, "proxy", functools.partial(programs.run, job=job, path=path))
    port: int = proxy.receive(programs.START_S + _START_S, beside).payload["port"]
    beside.append(proxy)
    return path.server_address, port


def read_clocks() -> Clocks:
    """All three, read together."""
    return Clocks(
        time.clock_gettime_ns(time.CLOCK_MONOTONIC),
        time.clock_gettime_ns(time.CLOCK_REALTIME),
        time.clock_gettime_ns(time.CLOCK_BOOTTIME),
    )


def _link_seed(seed: str) -> int:
    return random.Random(f"{seed}/link").getrandbits(63)


def _start_relay(stack: contextlib.ExitStack, path: Path) -> Child | None:
    if path.relay is None:
        return None
    relay = _fork(stack, "relay", path.relay)
    path.attach(relay.receive(_START_S).fds)
    return relay


def _fork(stack: contextlib.ExitStack, name: str, target: Target) -> Child:
    child = Child(name, target)
    stack.callback(child.close)
    return child


def _stopped(child: Child) -> Any:
    child.stop()
    return child.result(_STOP_S)
