"""The record of the machine: everything a reader of figures asks for, and null where it cannot be read."""

import json
import os
import platform
from pathlib import Path

import pytest

from lab.run import environment

KEYS = ("platform kernel kernel_hz cpu cpus load_average clocksource root sysctls python libraries lab git").split()


def test_it_is_json_and_names_kernel_python_and_libraries() -> None:
    found = json.loads(json.dumps(environment.describe()))
    assert list(found) == KEYS
    assert (found["kernel"], found["python"]) == (platform.release(), platform.python_version())
    assert found["cpus"] >= 1
    assert found["root"] == (os.geteuid() == 0)
    assert all(found["libraries"][name] for name in ("trio", "h11", "numpy", "pyarrow"))
    assert set(found["sysctls"]) >= {"net.ipv4.tcp_congestion_control", "net.core.default_qdisc"}


def test_what_cannot_be_read_is_null(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_args: object, **_keys: object) -> None:
        raise OSError("no git here")

    monkeypatch.setattr(environment, "_SYSCTLS", ("net/no/such",))
    monkeypatch.setattr(environment, "_LIBRARIES", ("no-such-library",))
    monkeypatch.setattr("subprocess.run", refuse)
    found = environment.describe()
    assert found["sysctls"] == {"net.no.such": None}
    assert found["libraries"] == {"no-such-library": None}
    assert found["git"] is None
