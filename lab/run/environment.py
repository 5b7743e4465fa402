"""The record of the machine: what a reader must know to believe a figure, or to doubt it."""

import gzip
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from pydantic import JsonValue

_SYSCTLS = (
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_available_congestion_control",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_autocorking",
    "net/ipv4/tcp_slow_start_after_idle",
    "net/core/default_qdisc",
    "net/core/rmem_max",
    "net/core/wmem_max",
    "kernel/sched_rt_runtime_us",
)
_LIBRARIES = ("trio", "h11", "numpy", "pyarrow", "pydantic", "pyroute2")


def describe() -> dict[str, JsonValue]:
    """Kernel, clocks, processor, sysctls, versions. What cannot be read is null."""
    return {
        "platform": platform.platform(),
        "kernel": platform.release(),
        "kernel_hz": _kernel_hz(),
        "cpu": _cpu(),
        "cpus": _cpus(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "clocksource": _read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "root": os.geteuid() == 0,
        "sysctls": {name.replace("/", "."): _read(Path("/proc/sys") / name) for name in _SYSCTLS},
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "lab": _version("typewriter-lab"),
        "git": _git_revision(),
    }


def fingerprint() -> dict[str, JsonValue]:
    """What decides how much this machine bears: when one of these is another, what was measured no longer holds."""
    return {
        "kernel": platform.release(),
        "cpu": _cpu(),
        "cpus": _cpus(),
        "cpu_limit": _read(Path("/sys/fs/cgroup/cpu.max")),
        "root": os.geteuid() == 0,
        "python": platform.python_version(),
        "lab": _version("typewriter-lab"),
    }


def _cpus() -> int | None:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _read(path: Path) -> str | None:
    try:
        return " ".join(path.read_text().split())
    except OSError:
        return None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str | None:
    match = re.search(r"model name\s*:\s*(.*)", _read_lines(Path("/proc/cpuinfo")))
    return match[1] if match else platform.processor() or None


def _read_lines(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _kernel_hz() -> int | None:
    """CONFIG_HZ: TCP's timers and the times in TCP_INFO tick with it."""
    for path, opener in (
        (Path("/proc/config.gz"), gzip.open),
        (Path(f"/boot/config-{platform.release()}"), open),
    ):
        if path.exists():
            with opener(path, "rt") as file:
                match = re.search(r"^CONFIG_HZ=(\d+)", file.read(), re.MULTILINE)
            return int(match[1]) if match else None
    return None


def _git_revision() -> str | None:
    """Of the lab's own checkout, with `+changes` when it has any; null when installed from a wheel."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+changes"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
