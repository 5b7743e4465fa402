"""Durations, rates and sizes: strings with a unit outside, exact integers inside.

The rule: a quantity without a unit is refused, because "20" has cost people more evenings than any bug.
Inside: nanoseconds, bits per second, bytes. `format_*` is the inverse of `parse_*` for every value that can occur, so a
resolved scenario written to `run.json` reads back as itself.
"""

import re
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

_DURATION_NS = {"ns": 1, "us": 1_000, "ms": NS_PER_MS, "s": NS_PER_S, "min": 60 * NS_PER_S}
_RATE_BPS = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_SIZE_BYTES = {"B": 1, "kB": 10**3, "KiB": 2**10, "MB": 10**6, "MiB": 2**20}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z/]+)")


# A day: beyond it nothing is measured, and sums of nanoseconds stay far inside 64 bits.
_LONGEST_NS = 24 * 3600 * NS_PER_S
_FASTEST_BPS = 10**12
# Socket options and `recv` take C ints.
_LARGEST_BYTES = 2**31 - 1


def _parse(text: object, units: dict[str, int], what: str, example: str, largest: int) -> int:
    """Shared by the three kinds; raises ValueError that names what was read and what is allowed."""
    match = _QUANTITY.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r} is no {what}: write a number and one of {', '.join(units)}, as in {example!r}")
    value = Fraction(match[1]) * units[match[2]]
    if value.denominator != 1:
        raise ValueError(f"{text!r} is finer than one {next(iter(units))}, the lab's resolution of a {what}")
    if value > largest:
        raise ValueError(f"{text!r} is above {_format(largest, units)}, the lab's largest {what}")
    return int(value)


def _format(value: int, units: dict[str, int]) -> str:
    """The largest unit that divides the value."""
    for unit, factor in sorted(units.items(), key=lambda item: -item[1]):
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return f"{value}{next(iter(units))}"


def parse_duration(text: object) -> int:
    """`"20ms"` → 20_000_000 ns."""
    return _parse(text, _DURATION_NS, "duration", "20ms", _LONGEST_NS)


def format_duration(value_ns: int) -> str:
    """20_000_000 ns → `"20ms"`."""
    return _format(value_ns, _DURATION_NS) if value_ns else "0ms"


def parse_rate(text: object) -> int:
    """`"5Mbit/s"` → 5_000_000 bit/s. Zero is refused: a link that never sends is a blackout, not a rate."""
    rate_bps = _parse(text, _RATE_BPS, "rate", "5Mbit/s", _FASTEST_BPS)
    if rate_bps == 0:
        raise ValueError(f"{text!r}: a rate must be above zero")
    return rate_bps


def format_rate(value_bps: int) -> str:
    """5_000_000 bit/s → `"5Mbit/s"`."""
    return _format(value_bps, _RATE_BPS)


def parse_size(text: object) -> int:
    """`"64KiB"` → 65_536 bytes; `"64kB"` → 64_000 bytes."""
    return _parse(text, _SIZE_BYTES, "size", "64KiB", _LARGEST_BYTES)


def format_size(value_bytes: int) -> str:
    """65_536 bytes → `"64KiB"`."""
    return _format(value_bytes, _SIZE_BYTES)


def _positive_size(text: object) -> int:
    size_bytes = parse_size(text)
    if size_bytes == 0:
        raise ValueError(f"{text!r}: must be at least one byte")
    return size_bytes


def _positive_duration(text: object) -> int:
    duration_ns = parse_duration(text)
    if duration_ns == 0:
        raise ValueError(f"{text!r}: must be above zero")
    return duration_ns


Duration = Annotated[int, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
PositiveDuration = Annotated[int, BeforeValidator(_positive_duration), PlainSerializer(format_duration)]
Rate = Annotated[int, BeforeValidator(parse_rate), PlainSerializer(format_rate)]
Size = Annotated[int, BeforeValidator(_positive_size), PlainSerializer(format_size)]
