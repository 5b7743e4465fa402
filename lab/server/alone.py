"""`lab serve`: the server for people, on a port, until a signal ends it.

The rule: signals are events like any other, so that an interrupt never breaks out of the middle of a task.
"""

import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import trio

from lab.errors import ScenarioError
from lab.model.problems import build
from lab.model.server import FOREIGN_KEYS, ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.app import Server, listen, running
from lab.server.routes import Site
from lab.trace.captures import read_capture


def serve_alone(host: str, port: int, settings: dict[str, Any], seed: int) -> None:
    """Serve until SIGTERM (running streams may end; a second one cuts them) or Ctrl-C (raises KeyboardInterrupt).

    `settings` are keys of [workload] and [server], with or without their table's name. Raises ScenarioError, UsageError,
    and SocketOptionError for a setting that the kernel refuses.
    """
    if sys.platform == "linux":
        from lab.linux.descriptors import allow_many_files

        allow_many_files()
    site = _site(settings, seed)
    listener = listen(host, port, site)
    if trio.run(_serve, listener, site) is signal.SIGINT:
        raise KeyboardInterrupt


def _site(settings: dict[str, Any], seed: int) -> Site:
    tables: dict[str, dict[str, Any]] = {"workload": {"format": "openai"}, "server": {}}
    for dotted, value in settings.items():
        table, _, key = dotted.rpartition(".")
        table = table or ("workload" if key in WorkloadSpec.model_fields else "server")
        if table not in tables or key in FOREIGN_KEYS:
            raise ScenarioError(
                f"--set {dotted}: a server has only the tables workload and server, and this one is the lab's own"
            )
        tables[table][key] = value
    if isinstance(file := tables["workload"].get("capture"), str):
        tables["workload"]["capture"] = read_capture(Path(file))
    workload = build(WorkloadSpec, tables["workload"], "--set workload")
    server = build(ServerSpec, tables["server"], "--set server")
    return Site(workload, server, str(seed), int(time.time()))


async def _serve(listener: socket.socket, site: Site) -> signal.Signals:
    """Returns the signal that ended it."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with running(listener, site) as server:
            _tell(f"serving on {_url(server)}", f"try: curl -N {_url(server)}/v1/chat/completions")
            told = await anext(signals)
            if told == signal.SIGTERM:
                _tell("SIGTERM: waiting for running streams; a second signal cuts them")
                told = await _drain(server, signals)
    return signal.Signals(told)


async def _drain(server: Server, signals: AsyncIterator[int]) -> int:
    """Until all is done, or until a further signal, which is returned."""
    told: int = signal.SIGTERM
    async with trio.open_nursery() as nursery:

        async def listen_on() -> None:
            nonlocal told
            told = await anext(signals)
            nursery.cancel_scope.cancel()

        nursery.start_soon(listen_on)
        await server.drain()
        nursery.cancel_scope.cancel()
    return told


def _url(server: Server) -> str:
    host, port = server.address
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell(*lines: str) -> None:
    for line in lines:
        print(f"lab: {line}", file=sys.stderr, flush=True)
