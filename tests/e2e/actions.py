"""The steps of an action or of a workflow's job, run here as a runner of GitHub's would run them: each `run` in a bash.

The rule: what is tested is the file itself. Steps that use other actions are left out, and what must not happen on this
machine (sudo, installing) is a program of that name that writes down how it was called. Knows the expressions that the files
use, and no others.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.-]+)\s*\}\}")
# As GitHub documents `shell: bash`; a workflow's default lacks pipefail.
_BASH = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")

# `python3 -m venv DIR`: an environment whose pip installs nothing, with the lab of this environment in it.
_PYTHON = f"""#!/bin/bash
echo "python $*" >> "$CALLS"
if [[ $1 == -m && $2 == venv ]]; then
  mkdir -p "$3/bin"
  printf '#!/bin/bash\\necho "pip $*" >> "$CALLS"\\n' > "$3/bin/pip"
  printf '#!/bin/bash\\nexec "{sys.executable}" -m lab "$@"\\n' > "$3/bin/lab"
  chmod +x "$3/bin/pip" "$3/bin/lab"
fi
"""
_SUDO = '#!/bin/bash\necho "sudo $*" >> "$CALLS"\n'


@dataclass
class Runner:
    """A workspace with a runner's files; `contexts` are what expressions may ask for, by their dotted names."""

    workspace: Path
    contexts: dict[str, str] = field(default_factory=dict)
    said: str = ""

    def __post_init__(self) -> None:
        self.temporary = self.workspace / "runner"
        programs = self.workspace / "programs"
        for directory in (self.temporary, programs):
            directory.mkdir(parents=True)
        for name, text in {"python": _PYTHON, "sudo": _SUDO}.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self._path = [str(programs), os.environ["PATH"]]
        self.contexts |= {
            "runner.temp": str(self.temporary),
            "steps.python.outputs.python-path": str(programs / "python"),
        }
        for name in ("summary", "path", "calls"):
            (self.temporary / name).touch()

    def read(self, name: str) -> str:
        """What is in one of the runner's files: summary, path, calls."""
        return (self.temporary / name).read_text(encoding="utf-8")

    def run(self, steps: list[dict[str, Any]]) -> int:
        """Run the steps until one fails. Returns its exit code, or 0."""
        for step in steps:
            if "run" in step and (code := self._step(step)):
                return code
        return 0

    def filled(self, value: str) -> str:
        """The value with its expressions replaced; what no context has is empty, as there."""
        return _EXPRESSION.sub(lambda found: self.contexts.get(found[1], ""), value)

    def _step(self, step: Mapping[str, Any]) -> int:
        assert "${{" not in step["run"], "an expression in a script can become a command"
        (output := self.temporary / "output").write_text("")
        files = {"GITHUB_STEP_SUMMARY": "summary", "GITHUB_PATH": "path", "GITHUB_OUTPUT": "output", "CALLS": "calls"}
        environment = {
            **{key: value for key, value in os.environ.items() if key != "LAB_REQUIRE"},
            "PATH": os.pathsep.join([*reversed(self.read("path").split()), *self._path]),
            "GITHUB_ACTIONS": "true",
            "RUNNER_TEMP": str(self.temporary),
            **{name: str(self.temporary / file) for name, file in files.items()},
            **{name: self.filled(value) for name, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            [*_BASH, "-c", step["run"]],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.workspace, env=environment, timeout=110,
        )  # fmt: skip
        self.said += done.stdout
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.contexts[f"steps.{step['id']}.outputs.{name}"] = value
        return done.returncode


def read(path: Path) -> dict[str, Any]:
    """An action or a workflow. `on` is YAML's word for true."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def inputs(action: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """The context of an action's inputs: what was given, else their defaults. Refuses inputs that there are not."""
    declared = action["inputs"]
    assert set(given) <= set(declared)
    assert {name for name, each in declared.items() if each.get("required")} <= set(given)
    return {f"inputs.{name}": given.get(name, each.get("default", "")) for name, each in declared.items()}
