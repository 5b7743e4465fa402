"""A setting's value written on a command line or in a query string: TOML where it is TOML, else the text itself.

So `--set server.nodelay=false`, `--set path.down.loss={model="drop-list",packets=[40]}` and `?chunks=250&interval=20ms`
all mean what the same words mean in a scenario file.
"""

import tomllib
from collections.abc import Iterable
from typing import Any


def parse_value(text: str) -> Any:
    """`"false"` → False, `"250"` → 250, `"20ms"` → `"20ms"`."""
    if "\n" in text:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def parse_assignments(pairs: Iterable[str]) -> dict[str, Any]:
    """`["a.b=1", …]` → `{"a.b": 1}`. Raises ValueError for a word without `=` and for a key that comes twice."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise ValueError(f"{pair!r} is no KEY=VALUE, as in server.flush=none")
        if key in settings:
            raise ValueError(f"{key!r} is given twice, as {settings[key]!r} and as {value!r}: only one can hold")
        settings[key] = parse_value(value)
    return settings
