"""What `lab list` prints is what a scenario accepts: no key more, no key less, and each default is accepted back."""

from typing import Any

import pytest

from lab.errors import ScenarioError
from lab.model.cross import CrossSpec
from lab.model.keys import Key, documented_forms, documented_keys
from lab.model.matrix import expand
from lab.model.path import LinkSpec
from lab.model.scenario import CellSpec, Header, read_document
from lab.model.values import parse_value

# The keys of [budget] are the metrics: tests/model/test_budget.py.
KEYS = [key for key in documented_keys() if not key.dotted.startswith("budget.")]


def _resolved(settings: dict[str, Any]) -> tuple[Header, CellSpec]:
    scenario = read_document({}, "test", "test", settings)
    return scenario.header, expand(scenario)[0].spec


def test_no_key_comes_twice_and_each_says_what_it_means() -> None:
    assert len({key.dotted for key in KEYS}) == len(KEYS)
    assert all(key.meaning and "None" not in key.meaning for key in KEYS)


def test_they_are_the_keys_of_the_models() -> None:
    expected = {f"scenario.{name}" for name in Header.model_fields}
    for table, field in CellSpec.model_fields.items():
        if table == "budget":
            continue
        if table == "cross":  # a list of tables
            expected |= {f"cross.{name}" for name in CrossSpec.model_fields}
            continue
        assert field.annotation is not None
        expected |= {f"{table}.{name}" for name in field.annotation.model_fields}
    expected |= {f"path.{name}" for name in LinkSpec.model_fields} | {"workload.pause.after", "workload.pause.for"}
    assert {key.dotted for key in KEYS} == expected - {"path.up", "path.down", "workload.pause"}


@pytest.mark.parametrize("key", [key for key in KEYS if key.default], ids=lambda key: key.dotted)
def test_a_default_is_accepted_back_and_changes_nothing(key: Key) -> None:
    beside = BESIDE.get(key.dotted.split(".")[0], {})
    assert _resolved({**beside, key.dotted: parse_value(key.default)}) == _resolved(beside)


# Of keys whose default is to be left out: a value that they accept.
VALUES = {
    "scenario.name": "a-name",
    "scenario.description": "what it shows",
    "workload.size": "8B",
    "workload.first_size": "8B",
    "workload.seed": 3,
    "workload.capture": {"version": 1, "chunks": [{"at_ns": 1, "text": "a"}]},
    "server.sndbuf": "8KiB",
    "server.notsent_lowat": "8KiB",
    "server.mss": 536,
    "host.autocork": True,
    "host.initial_window": 30,
    "host.rto_min": "50ms",
    "host.delack_max": "10ms",
    "cross.stop": "2s",
    "server.command": "uvicorn app:app --port {port}",
    "server.url": "http://127.0.0.1:8000",
    "request.body": "{}",
    "proxy.command": "nginx",
    "path.jitter": "3ms",
    "path.loss": "2%",
    "path.rate": "5Mbit/s",
    "client.requests": 3,
    "client.rcvbuf": "8KiB",
    "client.window_clamp": "8KiB",
}
# What a table cannot be without: an emulated path, and a flow of which something can be said.
BESIDE: dict[str, dict[str, Any]] = {
    "host": {"path.rate": "5Mbit/s"},
    "cross": {"path.rate": "5Mbit/s", "cross": {}},
}
TOGETHER: dict[str, dict[str, Any]] = {
    "workload.pause.after": {"workload.pause": {"after": 3, "for": "1s"}},
    "workload.pause.for": {"workload.pause": {"after": 3, "for": "2s"}},
    "server.cwd": {"server.command": "serve {port}", "server.cwd": "/tmp"},
    "path.queue": {"path.rate": "5Mbit/s", "path.queue": "200p"},
}


@pytest.mark.parametrize("key", [key for key in KEYS if not key.default], ids=lambda key: key.dotted)
def test_a_key_without_default_is_accepted_and_changes_something(key: Key) -> None:
    beside = BESIDE.get(key.dotted.split(".")[0], {})
    settings = TOGETHER.get(key.dotted) or {key.dotted: VALUES[key.dotted]}
    assert _resolved({**beside, **settings}) != _resolved(beside)


FORMS = [(form.dotted, text) for form in documented_forms() for text in form.forms]


@pytest.mark.parametrize(("dotted", "text"), FORMS, ids=[text for _, text in FORMS])
def test_every_form_is_accepted(dotted: str, text: str) -> None:
    value = parse_value(text)
    if isinstance(value, dict) and "file" in value:
        value[{"path.jitter": "extra_ns", "path.rate": "opportunities_ms"}[dotted]] = [1]
    assert _resolved({"path.rate": "5Mbit/s", dotted: value}) != _resolved({"path.rate": "5Mbit/s"})


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.dotted)
def test_its_neighbour_with_a_slip_of_the_pen_is_refused_by_name(key: Key) -> None:
    with pytest.raises(ScenarioError, match=f"unknown key .*{key.dotted.rsplit('.', 1)[1]}x"):
        _resolved({f"{key.dotted}x": "1"})
