"""`lab serve`: the server for people, on a port, until a signal ends it."""

import signal
import sys
import time
from typing import Any

import trio

from lab.errors import ScenarioError
from lab.model.problems import build
from lab.model.server import ServerSpec
from lab.model.workload import WorkloadSpec
from lab.server.app import Server, listen, running
from lab.server.routes import Site


def serve_alone(host: str, port: int, settings: dict[str, Any], seed: int) -> None:
    """Serve until SIGTERM (running streams may end) or Ctrl-C (raises KeyboardInterrupt).

    `settings` are keys of [workload] and [server], with or without their table's name. Raises ScenarioError, UsageError.
    """
    site = _site(settings, seed)
    listener = listen(host, port, site)
    trio.run(_serve, listener, site)


def _site(settings: dict[str, Any], seed: int) -> Site:
    tables: dict[str, dict[str, Any]] = {"workload": {"format": "openai"}, "server": {}}
    for dotted, value in settings.items():
        table, _, key = dotted.rpartition(".")
        table = table or ("workload" if key in WorkloadSpec.model_fields else "server")
        if table not in tables:
            raise ScenarioError(f"--set {dotted}: a server has only the tables workload and server")
        tables[table][key] = value
    workload = build(WorkloadSpec, tables["workload"], "--set workload")
    server = build(ServerSpec, tables["server"], "--set server")
    return Site(workload, server, str(seed), int(time.time()))


async def _serve(listener: Any, site: Site) -> None:
    async with running(listener, site) as server:
        host, port = server.address
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        print(f"lab: serving on {url}\nlab: try: curl -N {url}/v1/chat/completions", file=sys.stderr, flush=True)
        await _until_told(server)


async def _until_told(server: Server) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            print("lab: SIGTERM: waiting for running streams", file=sys.stderr, flush=True)
            await server.drain()
            return
