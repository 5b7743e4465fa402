"""From axes to cells: the product, the precedence of the layers, the selection, and the names."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import ScenarioError
from lab.model.keys import documented_keys
from lab.model.matrix import Cell, axis_keys, expand, slug, written
from lab.model.scenario import read_document
from lab.model.values import parse_value


def _expand(
    document: dict[str, Any], overrides: dict[str, Any] | None = None, only: dict[str, Any] | None = None
) -> list[Cell]:
    return expand(read_document(document, "x.toml", "x", overrides), only)


def _names(*args: Any, **keys: Any) -> list[str]:
    return [cell.name for cell in _expand(*args, **keys)]


FLUSH_NODELAY = {"server.flush": ["every", "none"], "server.nodelay": [True, False]}


def test_the_product_in_the_order_of_the_file() -> None:
    cells = _expand({"matrix": FLUSH_NODELAY})
    assert [cell.name for cell in cells] == ["every-nodelay", "every-nagle", "none-nodelay", "none-nagle"]
    assert cells[1].axes == {"server.flush": "every", "server.nodelay": False}
    assert (cells[1].spec.server.flush.kind, cells[1].spec.server.nodelay) == ("every", False)


CHUNKS: dict[str, tuple[dict[str, Any], dict[str, Any], list[int]]] = {
    "the default": ({}, {}, [100]),
    "a table": ({"workload": {"chunks": 2}}, {}, [2]),
    "an axis over the table": ({"workload": {"chunks": 2}, "matrix": {"workload.chunks": [3, 4]}}, {}, [3, 4]),
    "a cell over the table": ({"workload": {"chunks": 2}, "cell": [{"name": "a", "workload.chunks": 5}]}, {}, [5]),
    "a cell beside an axis": (
        {"matrix": {"workload.chunks": [3]}, "cell": [{"name": "a", "workload.chunks": 5}, {"name": "b"}]},
        {},
        [3, 5, 100],
    ),
    "--set over the table": ({"workload": {"chunks": 2}}, {"workload.chunks": 6}, [6]),
    "--set over an axis and a cell": (
        {"matrix": {"workload.chunks": [3, 4]}, "cell": [{"name": "a", "workload.chunks": 5}]},
        {"workload.chunks": 6},
        [6, 6],
    ),
}


@pytest.mark.parametrize(("document", "overrides", "chunks"), CHUNKS.values(), ids=CHUNKS)
def test_default_table_axis_cell_set(document: dict[str, Any], overrides: dict[str, Any], chunks: list[int]) -> None:
    assert [cell.spec.workload.chunks for cell in _expand(document, overrides)] == chunks


@given(st.lists(st.one_of(st.none(), st.integers(1, 99)), min_size=4, max_size=4))
def test_the_last_layer_that_speaks_is_heard(layers: list[int | None]) -> None:
    table, axis, cell, override = layers
    document = {
        "workload": {} if table is None else {"chunks": table},
        "matrix": {} if axis is None else {"workload.chunks": [axis]},
        "cell": [{"name": "extra"} | ({} if cell is None else {"workload.chunks": cell})],
    }
    *crossed, extra = _expand(document, {} if override is None else {"workload.chunks": override})
    assert extra.spec.workload.chunks == next((each for each in (override, cell, table) if each is not None), 100)
    for each in crossed:
        assert each.spec.workload.chunks == (override or axis)
        assert each.axes == {"workload.chunks": override or axis}


def test_an_axis_that_is_overridden_says_the_value_that_holds() -> None:
    """Else a column of summary.csv would name a setting that never ran."""
    cells = _expand({"matrix": FLUSH_NODELAY}, {"server.flush": "end"})
    assert [cell.name for cell in cells] == ["end-nodelay", "end-nagle"]
    assert {cell.axes["server.flush"] for cell in cells} == {"end"}


DELAYS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, int]]] = {
    "one direction over a preset": ({"path": "lan"}, {"path.up.delay": "7ms"}, (7_000_000, 500_000)),
    "both over a preset": ({"path": "lan"}, {"path.delay": "7ms"}, (7_000_000, 7_000_000)),
    "both over what a lower layer said of one": (
        {"path": {"up": {"delay": "1ms"}, "down": {"delay": "2ms"}}},
        {"path.delay": "7ms"},
        (7_000_000, 7_000_000),
    ),
    "a table over what a lower layer said of one": (
        {"path": {"up": {"delay": "1ms"}}},
        {"path": {"delay": "7ms", "down": {"delay": "3ms"}}},
        (7_000_000, 3_000_000),
    ),
    "one over what a lower layer said of both": (
        {"path": {"delay": "1ms"}},
        {"path.down.delay": "7ms"},
        (1_000_000, 7_000_000),
    ),
    "both over an axis of one": (
        {"matrix": {"path.down.delay": ["3ms"]}},
        {"path.delay": "7ms"},
        (7_000_000, 7_000_000),
    ),
    "another preset keeps what is laid over it": (
        {"path": {"preset": "wifi", "down": {"delay": "2ms"}}},
        {"path": "lan"},
        (500_000, 2_000_000),
    ),
}


@pytest.mark.parametrize(("document", "overrides", "delays_ns"), DELAYS.values(), ids=DELAYS)
def test_the_layers_of_a_path(document: dict[str, Any], overrides: dict[str, Any], delays_ns: tuple[int, int]) -> None:
    (cell,) = _expand(document, overrides)
    assert (cell.spec.path.up.delay, cell.spec.path.down.delay) == delays_ns


def test_what_is_said_of_both_directions_leaves_other_keys_of_one_alone() -> None:
    (cell,) = _expand({"path": {"up": {"delay": "1ms", "rate": "1Mbit/s"}}}, {"path.delay": "7ms"})
    assert (cell.spec.path.up.rate, cell.spec.path.down.rate) == (1_000_000, None)


def test_exclusions_take_points_out_of_the_product() -> None:
    document = {"matrix": FLUSH_NODELAY, "exclude": [{"server.flush": "none", "server.nodelay": True}]}
    assert _names(document) == ["every-nodelay", "every-nagle", "none-nagle"]
    assert _names({"matrix": FLUSH_NODELAY, "exclude": [{"server.flush": "none"}]}) == ["every-nodelay", "every-nagle"]


ONLY: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, ["every-nodelay", "every-nagle", "none-nodelay", "none-nagle", "extra"]),
    "a value": ({"server.flush": "none"}, ["none-nodelay", "none-nagle"]),
    "two values": ({"server.flush": "none", "server.nodelay": False}, ["none-nagle"]),
    "a switch": ({"server.nodelay": False}, ["every-nagle", "none-nagle"]),
    "a cell": ({"cell": "none-nagle"}, ["none-nagle"]),
    "an extra cell": ({"cell": "extra"}, ["extra"]),
}
CROSSED = {"matrix": FLUSH_NODELAY, "cell": [{"name": "extra", "server.cork": True}]}


@pytest.mark.parametrize(("only", "names"), ONLY.values(), ids=ONLY)
def test_only(only: dict[str, Any], names: list[str]) -> None:
    assert _names(CROSSED, only=only) == names


NOTHING_LEFT: dict[str, tuple[dict[str, Any], str]] = {
    "no such value": ({"server.flush": "end"}, "--only server.flush=end matches no cell: left are every, none"),
    "no such switch": (
        {"server.nodelay": "maybe"},
        "--only server.nodelay=maybe matches no cell: left are true, false",
    ),
    "no such axis": ({"path": "lan"}, "--only path=lan matches no cell: the axes are server.flush, server.nodelay"),
    "no such cell": ({"cell": "x"}, "--only cell=x matches no cell: left are every-nodelay, every-nagle"),
    "no such pair": (
        {"cell": "extra", "server.flush": "none"},
        "--only server.flush=none matches no cell: the axes are server.cork",
    ),
}


@pytest.mark.parametrize(("only", "message"), NOTHING_LEFT.values(), ids=NOTHING_LEFT)
def test_only_that_leaves_nothing_says_what_there_is(only: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(f"x.toml: {message}")):
        _expand(CROSSED, only=only)


SLUGS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "only"),
    "words and switches": (
        {"server.flush": "bytes:1KiB", "server.cork": True, "server.keepalive": False},
        "bytes-1KiB-cork-no-keepalive",
    ),
    "numbers bring their key": ({"client.streams": 8, "path.delay": "5ms"}, "streams-8-5ms"),
    "percent": ({"path.loss": "2%"}, "2"),
    "a table": ({"path.loss": {"packets": [40]}}, "loss-packets-40"),
    "a table of switches": ({"server": {"flush": "every", "nodelay": True}}, "server-every-nodelay"),
    "an empty table": ({"server": {}}, "server"),
    "nothing that could be kept": ({"path.loss": "%"}, "loss"),
    "a dot in front": ({"server.flush": "..x"}, "x"),
    "an empty list": ({"cross": []}, "no-cross"),
}


@pytest.mark.parametrize(("axes", "name"), SLUGS.values(), ids=SLUGS)
def test_a_slug_reads_like_its_axes(axes: dict[str, Any], name: str) -> None:
    assert slug(axes) == name


values = st.one_of(st.text(max_size=80), st.booleans(), st.integers(), st.floats(), st.lists(st.integers()))


@given(st.dictionaries(st.sampled_from([key.dotted for key in documented_keys()]), values, max_size=6))
def test_a_slug_is_a_file_name_that_no_reader_skips(axes: dict[str, Any]) -> None:
    name = slug(axes)
    assert re.fullmatch(r"[\w.-]+", name)
    assert name[0] not in "._-"
    assert len(f".{name}.10000.parquet.4194304.part".encode()) <= 255


@given(st.lists(st.sampled_from(["a", "a-2", "a-2-2", "b"]), min_size=1, max_size=9))
def test_names_are_unique(names: list[str]) -> None:
    cells = _expand({"cell": [{"name": name, "client.streams": n} for n, name in enumerate(names, start=1)]})
    assert len({cell.name for cell in cells}) == len(names)
    assert [cell.spec.client.streams for cell in cells] == list(range(1, len(names) + 1))


def test_axis_keys_in_order_of_first_appearance() -> None:
    assert axis_keys(_expand(CROSSED)) == ["server.flush", "server.nodelay", "server.cork"]


WRITTEN: dict[str, tuple[Any, str]] = {
    "a switch": (True, "true"),
    "a number": (8, "8"),
    "a word": ("every", "every"),
    "a table": ({"flush": "every", "nodelay": True}, '{flush = "every", nodelay = true}'),
    "an empty table": ({}, "{}"),
}


@pytest.mark.parametrize(("value", "text"), WRITTEN.values(), ids=WRITTEN)
def test_a_value_as_a_person_writes_it_reads_back(value: Any, text: str) -> None:
    assert written(value) == text
    assert parse_value(text) == value


def test_a_budget_belongs_to_a_cell_and_can_be_overridden_there() -> None:
    document = {
        "budget": {"ttfc_ms": ["p(95)<120"], "chunks_per_read": ["avg<1.5"]},
        "cell": [{"name": "a"}, {"name": "b", "budget.ttfc_ms": ["p(95)<700", "max<900"]}],
    }
    first, second = (cell.spec.model_dump(mode="json")["budget"] for cell in _expand(document))
    assert first == {"ttfc_ms": ["p(95)<120"], "chunks_per_read": ["avg<1.5"]}
    assert second == {"ttfc_ms": ["p(95)<700", "max<900"], "chunks_per_read": ["avg<1.5"]}


CROSS: dict[str, tuple[dict[str, Any], list[tuple[int, str]]]] = {
    "a list": ({"cross": [{"flows": 2}, {}]}, [(2, "cubic"), (1, "cubic")]),
    "a table is a list of one": ({"cross": {"flows": 2}}, [(2, "cubic")]),
    "a dotted key is said of each": (
        {"cross": [{"flows": 2}, {"congestion": "reno"}], "matrix": {"cross.congestion": ["bbr"]}},
        [(2, "bbr"), (1, "bbr")],
    ),
    "a dotted key makes the first": ({"matrix": {"cross.congestion": ["bbr"]}}, [(1, "bbr")]),
    "and where the list is empty": ({"cross": [], "matrix": {"cross.flows": [3]}}, [(3, "cubic")]),
    "an axis may take all away": ({"cross": {}, "matrix": {"cross": [[]]}}, []),
}


@pytest.mark.parametrize(("document", "flows"), CROSS.values(), ids=CROSS)
def test_cross_traffic_is_a_list_of_tables(document: dict[str, Any], flows: list[tuple[int, str]]) -> None:
    (cell,) = _expand({"path": {"rate": "5Mbit/s"}, **document})
    assert [(entry.flows, entry.congestion) for entry in cell.spec.cross] == flows
