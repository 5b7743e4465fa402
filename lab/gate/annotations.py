"""A check as GitHub's workflow commands: what shows beside a pull request's checks.

The rule: only what a person must look at: worse as an error, undecided and invalid as a warning. Ten of a kind are shown by
GitHub, so the first come first.
"""

from collections.abc import Iterator

from lab.gate import wording
from lab.gate.verdicts import Check

_COMMANDS = {"worse": "error", "undecided": "warning", "invalid": "warning"}


def annotations(check: Check) -> Iterator[str]:
    """One line each, for stdout or stderr of a step."""
    for compared in check.compared:
        if command := _COMMANDS.get(compared.verdict):
            yield _command(
                command, f"{compared.cell}: {compared.metric} {compared.verdict}", wording.sentence(compared)
            )
    for budget in check.budgets:
        if command := _COMMANDS.get(budget.verdict):
            title = f"{budget.cell}: budget {budget.metric} {budget.verdict}"
            yield _command(command, title, wording.budget_sentence(budget))


def _command(name: str, title: str, message: str) -> str:
    """`::error title=…::…`, escaped as the runner unescapes it: a property more than the message."""
    return f"::{name} title={_data(title).replace(':', '%3A').replace(',', '%2C')}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
