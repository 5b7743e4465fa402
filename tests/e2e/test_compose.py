"""docker-compose.yml as its users know it: build, up, a load from Locust's page, a matrix, down, and nothing left behind."""

import functools
import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.trace.store import Run, open_run
from tests.e2e import containers
from tests.e2e.serving import free_port

pytestmark = pytest.mark.needs("compose", "tun")

ROOT = Path(__file__).resolve().parents[2]
# It stays when the test is over: the layer of libraries is what takes long to build.
IMAGE = "localhost/typewriter-lab-test"
# Never reached unless something hangs; libraries are downloaded while it builds.
BUILD_S, STEP_S = 600, 120


class Stack:
    """One project: its containers, its ports, its results."""

    def __init__(self, results: Path) -> None:
        self.engine = containers.find()
        self.project = f"lab-test-{os.getpid()}"
        self.results = results
        self.ports = {"LAB_SERVER_PORT": free_port(), "LAB_LOCUST_PORT": free_port()}
        self.server, self.locust = (f"http://127.0.0.1:{port}" for port in self.ports.values())

    def compose(self, *arguments: str, timeout_s: float = STEP_S) -> str:
        """What a compose command printed; it must succeed."""
        done = self.engine.run(
            (*self.engine.compose, "-p", self.project, "-f", str(ROOT / "docker-compose.yml"), *arguments),
            timeout_s,
            LAB_IMAGE=IMAGE,
            LAB_RESULTS=str(self.results),
            **self.ports,
        )
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def lab(self, *arguments: str) -> str:
        """The service `lab` with another command."""
        return self.compose("--profile", "tools", "run", "--rm", "-T", "lab", *arguments)

    def containers(self) -> list[str]:
        """The ids of all, running or not."""
        label = f"label=com.docker.compose.project={self.project}"
        return self.engine.call("ps", "--all", "--quiet", "--filter", label).stdout.split()

    def healthy(self, container: str) -> bool:
        """As the engine judges it. podman leaves the asking to systemd, which need not be there: so ask."""
        if self.engine.program == "podman":
            self.engine.call("healthcheck", "run", container)
        status = self.engine.call("inspect", "--format", "{{.State.Health.Status}}", container)
        return status.stdout.strip() == "healthy"

    def until(self, what: str, holds: Callable[[], Any]) -> None:
        """Wait for it; what the containers said explains it if it never comes."""
        deadline = time.monotonic() + STEP_S
        while not holds():
            if time.monotonic() > deadline:
                logs = [self.engine.call("logs", each) for each in self.containers()]
                pytest.fail(f"not {what} after {STEP_S} s:\n" + "\n".join(each.stdout + each.stderr for each in logs))
            time.sleep(0.25)

    def run_of(self, scenario: str) -> Run:
        """The one run of this name, which must lie on the volume."""
        (directory,) = self.results.glob(f"{scenario}-*")
        return open_run(directory)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Built and brought up; taken down in any case."""
    stack = Stack(tmp_path_factory.mktemp("results"))
    stack.compose("build", "--build-arg", f"BASE={stack.engine.base}", "server", timeout_s=BUILD_S)
    try:
        stack.compose("up", "--detach", "--no-build")
        yield stack
    finally:
        stack.compose("down", "--volumes")


def _locust(stack: Stack, path: str, form: dict[str, str] | None = None) -> dict[str, Any]:
    """One request of Locust's page; with a form it is a POST."""
    body = None if form is None else urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(stack.locust + path, body, timeout=STEP_S) as response:
        answer = json.load(response)
    assert isinstance(answer, dict)
    return answer


def _rows(stack: Stack) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in _locust(stack, "/stats/requests")["stats"]}


def test_all_services_are_healthy(stack: Stack) -> None:
    assert len(stack.containers()) == 4  # server, master and two workers
    for container in stack.containers():
        stack.until(f"{container} healthy", functools.partial(stack.healthy, container))
    with urllib.request.urlopen(stack.server, timeout=STEP_S) as page:
        assert "EventSource" in page.read().decode()


def test_a_load_from_the_page_becomes_a_run_on_the_volume(stack: Stack) -> None:
    stack.until("two workers there", lambda: len(_locust(stack, "/stats/requests")["workers"]) == 2)
    assert _locust(stack, "/swarm", {"user_count": "4", "spawn_rate": "4"})["success"]
    stack.until("four streams over", lambda: _rows(stack).get("stream", {"num_requests": 0})["num_requests"] >= 4)
    assert [worker["user_count"] for worker in _locust(stack, "/stats/requests")["workers"]] == [2, 2]
    assert _locust(stack, "/stop", {})["success"]
    rows = _rows(stack)
    assert {rows[name]["num_failures"] for name in ("TTFC", "gap", "stream")} == {0}
    assert rows["gap"]["num_requests"] > rows["TTFC"]["num_requests"] >= rows["stream"]["num_requests"] >= 4

    stack.until("a report on the volume", lambda: list(stack.results.glob("load-*/report.html")))
    run = stack.run_of("load")
    hosts = run.info.environment["load_hosts"]
    assert isinstance(hosts, list)
    (host,) = hosts  # containers share their kernel's clock
    assert isinstance(host, dict)
    workers = host["workers"]
    assert isinstance(workers, list)
    assert len(workers) == 2
    whole = [row for row in run.table("streams").to_pylist() if row["completion"] == "done"]
    assert len(whole) >= 4
    assert {row["chunks_received"] for row in whole} == {100}


def test_the_emulated_network_works_inside(stack: Stack) -> None:
    capabilities = {each["name"]: each for each in json.loads(stack.lab("doctor", "--json"))}
    assert capabilities["tun"]["works"], capabilities["tun"]


def test_a_matrix_leaves_its_run_on_the_volume(stack: Stack) -> None:
    slow = ("--set", "workload.interval=100ms", "--set", "workload.chunks=10")  # valid on a busy machine, too
    told = stack.lab("run", "typewriter", "--only", "cell=every-nodelay-wifi", "--repeat", "1", *slow)
    run = stack.run_of("typewriter")
    assert told.splitlines()[-1] == f"/lab/results/{run.path.name}"
    assert run.info.finished
    assert run.table("chunks").num_rows == 10 * len(run.info.repetitions)  # one that was invalid was run again
    assert run.table("path").num_rows > 0
    assert (run.path / "report.html").exists()


def test_nothing_is_left_behind(stack: Stack) -> None:
    stack.compose("down", "--volumes")
    assert stack.containers() == []
    for kind in ("network", "volume"):
        assert stack.engine.call(kind, "ls", "--quiet", "--filter", f"name={stack.project}").stdout == ""
