"""The tree of errors: drawn as it is, each with an exit code of the contract, each able to travel between processes."""

import copy
import inspect
import pickle

import pytest

from lab import errors
from lab.errors import CapabilityError, ChildFailed, LabError

ERRORS = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, LabError)]
EXIT_CODES = {
    "LabError": 70,
    "UsageError": 2,
    "ScenarioError": 2,
    "ProtocolError": 3,
    "CapabilityError": 3,
    "SocketOptionError": 2,
    "MeasurementError": 3,
    "ChildFailed": 3,
    "ForgeEnded": 3,
    "StorageError": 3,
}


def test_every_error_has_its_exit_code() -> None:
    assert {each.__name__: each.exit_code for each in ERRORS} == EXIT_CODES


def test_the_drawing_shows_the_tree() -> None:
    """Indented as deep as the class stands."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    drawn = {line.partition("── ")[2].split()[0]: line.index("──") // 4 for line in lines}
    assert drawn == {
        each.__name__: len(each.__mro__) - len(LabError.__mro__) for each in ERRORS if each is not LabError
    }


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_says_when_it_comes(kind: type[LabError]) -> None:
    assert kind.__doc__


def _example(kind: type[LabError]) -> LabError:
    return kind(*(["what", "why", "cure"] if kind is CapabilityError else ["message"]))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("travel", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy], ids=["pickle", "copy"])
def test_an_error_arrives_as_it_left(kind: type[LabError], travel: object) -> None:
    assert callable(travel)
    error = _example(kind)
    arrived = travel(error)
    assert type(arrived) is kind
    assert (str(arrived), vars(arrived)) == (str(error), vars(error))


def test_a_missing_capability_says_what_why_and_the_cure() -> None:
    assert str(CapabilityError("open a TUN device", "Operation not permitted", "Run as root")) == (
        "open a TUN device: Operation not permitted. Run as root"
    )


def test_last_words_stand_beside_the_message() -> None:
    error = pickle.loads(pickle.dumps(ChildFailed("the relay was killed by SIGKILL", "line 1\nline 2")))
    assert str(error) == "the relay was killed by SIGKILL"
    assert error.last_words == "line 1\nline 2"
