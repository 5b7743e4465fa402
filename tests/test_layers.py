"""The plan of the house, held to: arrows point down only, and who may not know of what does not."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LAB = Path(__file__).parents[1] / "lab"

# From the top. A module may import what stands below it; within a row only itself.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("load", "testing"),
    ("session", "probe", "listing", "doctor"),
    ("run", "report", "hops", "gate"),
    ("server", "path", "clients", "charts"),
    ("trace", "analysis"),
    ("wire", "link", "linux"),
    ("model", "errors"),
)
HEIGHT = {name: -row for row, names in enumerate(LAYERS) for name in names}

# Neighbours in a row that may know each other, in this direction only.
NEIGHBOURS = {("model", "errors"), ("analysis", "trace")}

SANS_IO = ("model", "wire", "link", "analysis")
IO_MODULES = {"trio", "socket", "time", "gevent", "os", "select", "asyncio", "threading", "subprocess"}


def _modules() -> dict[str, Path]:
    """Every module by its dotted name under `lab`."""
    found = {}
    for path in sorted(LAB.rglob("*.py")):
        parts = path.relative_to(LAB).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__") or "__init__"] = path
    return found


MODULES = _modules()


def _imports(path: Path) -> Iterator[str]:
    """What a module imports when it runs, also inside functions; not what only the type checker sees."""
    pending: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def _own(path: Path) -> set[str]:
    """The parts of the house that a module imports: `model` for `lab.model.path`."""
    return {name.split(".")[1] for name in _imports(path) if name.startswith("lab.")}


def test_the_walk_sees_what_it_is_for(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import os.path\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import never\nelse:\n    import other\n"
        "def function():\n    from lab.run import forge\ntry:\n    import tried\nexcept ImportError:\n    pass\n"
    )
    assert {"os.path", "other", "lab.run", "lab.run.forge", "tried"} <= set(_imports(module))
    assert "never" not in set(_imports(module))


def test_every_part_has_its_place() -> None:
    assert {name.split(".")[0] for name in MODULES} - {"__init__"} == set(HEIGHT)


@pytest.mark.parametrize("name", MODULES)
def test_arrows_point_down(name: str) -> None:
    part = name.split(".")[0]
    for other in _own(MODULES[name]) - {part}:
        below = part != "__init__" and HEIGHT[other] < HEIGHT[part]
        assert below or (part, other) in NEIGHBOURS, f"lab.{name} imports lab.{other}"


# Locust patches the standard library when it is imported, so nothing that other processes import may reach it.
IN_LOCUST = {f"clients.locust.{name}" for name in ("user", "recorder", "spool", "locustfile", "visiting")}


@pytest.mark.parametrize("name", [name for name in MODULES if name not in IN_LOCUST])
def test_locust_is_imported_in_its_own_process_only(name: str) -> None:
    imported = set(_imports(MODULES[name]))
    assert {each.split(".")[0] for each in imported} & {"locust", "gevent"} == set()
    assert imported & {f"lab.{each}" for each in IN_LOCUST} == set()


def test_the_house_itself_imports_nothing() -> None:
    assert list(_imports(LAB / "__init__.py")) == []


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] in SANS_IO])
def test_sans_io_parts_know_no_clock_no_socket_and_no_loop(name: str) -> None:
    assert {each.split(".")[0] for each in _imports(MODULES[name])} & IO_MODULES == set()


@pytest.mark.parametrize("name", [name for name in MODULES if MODULES[name].name == "__init__.py"])
def test_a_package_says_why_it_exists_and_hands_out_nothing(name: str) -> None:
    docstring, *rest = ast.parse(MODULES[name].read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)
    assert rest == [] or name == "trace", "only lab.trace hands something out: open_run, for those who write notebooks"


# Import these modules as on another system: without the Linux calls and pyroute2. The libraries are in already,
# because they look at the platform themselves; only the lab's own modules are imported again.
_ELSEWHERE = """
import importlib, json, os, select, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for name in [name for name in sys.modules if name.split(".")[0] in ("lab", "pyroute2")]:
    del sys.modules[name]
sys.platform = "darwin"
for module, names in ((os, ["memfd_create", "pidfd_open", "setns", "sched_getaffinity"]), (select, ["epoll"])):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.modules["pyroute2"] = None
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(name for name in sys.modules if name.startswith("lab."))))
"""
ELSEWHERE = ("server", "probe", "report", "gate", "analysis", "trace", "charts", "listing", "model", "wire", "link")
LINUX_ONLY = {"lab.linux.child", "lab.linux.namespaces", "lab.linux.tun", "lab.linux.timerfd", "lab.linux.unprivileged"}


@pytest.mark.parametrize("part", ELSEWHERE)
def test_what_runs_everywhere_imports_without_linux(part: str) -> None:
    names = [f"lab.{name}" for name in MODULES if name.split(".")[0] == part]
    done = subprocess.run([sys.executable, "-c", _ELSEWHERE, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert set(names) <= loaded
    assert loaded & LINUX_ONLY == set()


# What each command may load: none pays for what it does not use, and the help pays for nothing.
LIGHT = {
    "the commands": ("import lab.cli", {"trio", "numpy", "pyarrow", "matplotlib", "pydantic", "rich"}),
    "the list": ("from lab.listing import lines; list(lines())", {"trio", "numpy", "pyarrow", "matplotlib"}),
    "the server": ("import lab.server.alone", {"numpy", "pyarrow", "matplotlib", "pyroute2"}),
    "the forge": ("import lab.run.forge, lab.run.conductor", {"numpy", "pyarrow", "matplotlib", "pyroute2", "rich"}),
    "the gate": ("import lab.gate.command", {"trio", "matplotlib", "pyroute2", "jinja2"}),
    "every pytest": (
        "import lab.testing.plugin",
        {"lab.testing.experiment", "lab.errors", "pydantic", "numpy", "rich"},
    ),
    "a run": ("import lab.session, lab.run.matrix", {"matplotlib", "pyroute2", "jinja2"}),
}


@pytest.mark.parametrize(("program", "unwanted"), LIGHT.values(), ids=LIGHT)
def test_nobody_pays_for_what_is_not_used(program: str, unwanted: set[str]) -> None:
    show = "; import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program + show], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) & unwanted == set()
