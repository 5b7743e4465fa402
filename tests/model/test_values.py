"""Values on a command line mean what the same words mean in a scenario file."""

import re
from typing import Any

import pytest

from lab.model.values import parse_assignments, parse_value

VALUES: list[tuple[str, Any]] = [
    ("false", False),
    ("true", True),
    ("False", "False"),
    ("250", 250),
    ("0.5", 0.5),
    ("20ms", "20ms"),
    ('"20ms"', "20ms"),
    ("2%", "2%"),
    ("bytes:1KiB", "bytes:1KiB"),
    ("", ""),
    ("[1, 2]", [1, 2]),
    ('{ model = "drop-list", packets = [40] }', {"model": "drop-list", "packets": [40]}),
    ("{ model = ", "{ model = "),
    ("1\nx = 2", "1\nx = 2"),
    ("a=b", "a=b"),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text or "empty" for text, _ in VALUES])
def test_toml_where_it_is_toml_and_text_elsewhere(text: str, value: Any) -> None:
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_assignments_by_dotted_key() -> None:
    pairs = ["server.nodelay=false", " client.streams =2", "path.loss=2%", "scenario.description=a=b"]
    assert parse_assignments(pairs) == {
        "server.nodelay": False,
        "client.streams": 2,
        "path.loss": "2%",
        "scenario.description": "a=b",
    }


BAD = {
    "no value": (["server.flush"], "'server.flush' is no KEY=VALUE"),
    "no key": (["=none"], "'=none' is no KEY=VALUE"),
    "a blank key": ([" =none"], "' =none' is no KEY=VALUE"),
    "a key that comes twice": (["a.b=1", "a.b=x"], "'a.b' is given twice, as 1 and as 'x'"),
}


@pytest.mark.parametrize(("pairs", "message"), BAD.values(), ids=BAD)
def test_what_is_no_assignment(pairs: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_assignments(pairs)
