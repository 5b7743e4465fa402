"""Hosts on one switch, as network namespaces of one kernel: each with its own address, joined by veth devices and a bridge.

The rule is the lab's own: no namespace has a name. They live by descriptor and by what runs in them, and what runs in them
dies with the test; so nothing is left behind, also when the test fails or is killed.
"""

import functools
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pyroute2 import IPRoute

from lab.linux import namespaces
from lab.linux.child import Child, Control, die_with_parent
from lab.path.tun.relay import own_user_namespace

PATIENCE_S = 30.0
_LOOPBACK_INDEX = 1


def address(host: int) -> str:
    """Of the hosts, counted from 1: from RFC 2544's block for benchmarks, as the lab's own paths."""
    return f"198.18.1.{host}"


def _ready(control: Control, count: int) -> None:
    """Make the switch and the hosts; hand out the switch's descriptor, then the hosts', then the user namespace's if any."""
    user_fds = own_user_namespace()
    hosts = [namespaces.new_network_namespace() for _ in range(count)]
    switch = namespaces.new_network_namespace()
    with IPRoute() as route:
        route.link("add", ifname="switch", kind="bridge")
        bridge = route.link_lookup(ifname="switch")[0]
        route.link("set", index=bridge, state="up")
        for number, namespace_fd in enumerate(hosts, start=1):
            route.link("add", ifname=f"port{number}", kind="veth", peer={"ifname": "eth0", "net_ns_fd": namespace_fd})
            route.link("set", index=route.link_lookup(ifname=f"port{number}")[0], master=bridge, state="up")
    for number, namespace_fd in enumerate(hosts, start=1):
        namespaces.enter_network_namespace(namespace_fd)
        with IPRoute() as route:
            device = route.link_lookup(ifname="eth0")[0]
            route.link("set", index=_LOOPBACK_INDEX, state="up")
            route.addr("add", index=device, address=address(number), prefixlen=24)
            route.link("set", index=device, state="up")
    control.send("ready", {}, [switch, *hosts, *user_fds])


@dataclass
class Hosts:
    """Running hosts, and what was started on them."""

    switch_fd: int
    host_fds: list[int]
    user_fd: int | None
    processes: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def start(self, host: int, command: list[str], cwd: Path) -> "subprocess.Popen[str]":
        """A program on the host of that number."""
        process = self._start(self.host_fds[host - 1], command, cwd)
        self.processes.append(process)
        return process

    def carried_bytes(self, host: int) -> tuple[int, int]:
        """(from the host, to the host): what its port of the switch counted, head of every frame included."""
        with self._start(self.switch_fd, ["cat", "/proc/net/dev"], Path("/")) as process:
            assert process.stdout is not None
            for line in process.stdout:
                device, _, counters = line.partition(":")
                if device.strip() == f"port{host}":
                    return int(counters.split()[0]), int(counters.split()[8])
        raise AssertionError(f"the switch has no port {host}")

    def inhabitants(self) -> list[int]:
        """The processes that are in any of the namespaces."""
        own = {os.fstat(fd).st_ino for fd in (self.switch_fd, *self.host_fds)}
        return [pid for pid, namespace in _namespaces() if namespace in own]

    def _start(self, namespace_fd: int, command: list[str], cwd: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=functools.partial(self._enter, namespace_fd),
        )

    def _enter(self, namespace_fd: int) -> None:
        if self.user_fd is not None:
            namespaces.enter_user_namespace(self.user_fd)
        namespaces.enter_network_namespace(namespace_fd)
        die_with_parent()


def _namespaces() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            yield int(entry.name), (entry / "ns/net").stat().st_ino
        except OSError:  # it has ended meanwhile
            continue


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """While the block runs; then every process on them is ended, and the kernel takes the rest back."""
    child = Child("switch", functools.partial(_ready, count=count))
    try:
        switch_fd, *fds = child.receive(PATIENCE_S).fds
    finally:
        child.close()
    made = Hosts(switch_fd, fds[:count], fds[count] if len(fds) > count else None)
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.communicate()
        deadline = time.monotonic() + PATIENCE_S
        while made.inhabitants():  # what they had started dies with them, a moment later
            assert time.monotonic() < deadline, "somebody lives on in a namespace of the test"
            time.sleep(0.01)
        for fd in (switch_fd, *fds):
            os.close(fd)
