"""Quantities: with a unit, exact, and written so that they read back as themselves."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.units import (
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)

GOOD: list[tuple[Callable[[object], int], str, int]] = [
    (parse_duration, "0ms", 0),
    (parse_duration, "1ns", 1),
    (parse_duration, "250us", 250_000),
    (parse_duration, "20ms", 20_000_000),
    (parse_duration, "0.5ms", 500_000),
    (parse_duration, "2.5s", 2_500_000_000),
    (parse_duration, " 3 min ", 180_000_000_000),
    (parse_rate, "1bit/s", 1),
    (parse_rate, "768kbit/s", 768_000),
    (parse_rate, "1.6Mbit/s", 1_600_000),
    (parse_rate, "2Gbit/s", 2_000_000_000),
    (parse_size, "0B", 0),
    (parse_size, "64KiB", 65_536),
    (parse_size, "64kB", 64_000),
    (parse_size, "1.5KiB", 1536),
    (parse_size, "1MiB", 1_048_576),
    (parse_size, "2MB", 2_000_000),
]

# Parser, text, and what the message must say beside the text itself.
BAD: list[tuple[Callable[[object], int], object, str]] = [
    (parse_duration, "20", "one of ns, us, ms, s, min"),
    (parse_duration, 20, "one of ns, us, ms, s, min"),
    (parse_duration, None, "one of ns, us, ms, s, min"),
    (parse_duration, "", "as in '20ms'"),
    (parse_duration, "ms", "as in '20ms'"),
    (parse_duration, "-1ms", "as in '20ms'"),
    (parse_duration, "1e3ms", "as in '20ms'"),
    (parse_duration, "20 MS", "one of ns, us, ms, s, min"),
    (parse_duration, "1h", "one of ns, us, ms, s, min"),
    (parse_duration, "64KiB", "no duration"),
    (parse_duration, "0.5ns", "finer than one ns"),
    (parse_duration, "1441min", "above 1440min"),
    (parse_duration, "9" * 400 + "s", "above 1440min"),
    (parse_rate, "5", "one of bit/s, kbit/s, Mbit/s, Gbit/s"),
    (parse_rate, "5Mbit", "one of bit/s, kbit/s, Mbit/s, Gbit/s"),
    (parse_rate, "5MB/s", "one of bit/s, kbit/s, Mbit/s, Gbit/s"),
    (parse_rate, "0Mbit/s", "must be above zero"),
    (parse_rate, "0.5bit/s", "finer than one bit/s"),
    (parse_rate, "1001Gbit/s", "above 1000Gbit/s"),
    (parse_size, 65536, "one of B, kB, KiB, MB, MiB"),
    (parse_size, "64K", "one of B, kB, KiB, MB, MiB"),
    (parse_size, "64kib", "one of B, kB, KiB, MB, MiB"),
    (parse_size, "0.3B", "finer than one B"),
    (parse_size, "2048MiB", "above 2147483647B"),
]


@pytest.mark.parametrize(("parse", "text", "value"), GOOD, ids=[text for _, text, _ in GOOD])
def test_a_quantity_with_its_unit(parse: Callable[[object], int], text: str, value: int) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "why"), BAD, ids=[f"{each[0].__name__} {each[1]!s:.10}" for each in BAD])
def test_a_refusal_says_what_was_read_and_what_is_allowed(
    parse: Callable[[object], int], text: object, why: str
) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert repr(text) in str(caught.value)
    assert why in str(caught.value)


FORMATTED = [
    (format_duration, 0, "0ms"),
    (format_duration, 1, "1ns"),
    (format_duration, 1_500_000, "1500us"),
    (format_duration, 60_000_000_000, "1min"),
    (format_rate, 1_600_000, "1600kbit/s"),
    (format_size, 0, "0B"),
    (format_size, 65_536, "64KiB"),
    (format_size, 64_000, "64kB"),
    (format_size, 65_537, "65537B"),
]


@pytest.mark.parametrize(("write", "value", "text"), FORMATTED, ids=[text for _, _, text in FORMATTED])
def test_the_largest_unit_that_divides(write: Callable[[int], str], value: int, text: str) -> None:
    assert write(value) == text


@given(st.integers(0, 24 * 3600 * 10**9))
def test_durations_read_back(value_ns: int) -> None:
    assert parse_duration(format_duration(value_ns)) == value_ns


@given(st.integers(1, 10**12))
def test_rates_read_back(value_bps: int) -> None:
    assert parse_rate(format_rate(value_bps)) == value_bps


@given(st.integers(0, 2**31 - 1))
def test_sizes_read_back(value_bytes: int) -> None:
    assert parse_size(format_size(value_bytes)) == value_bytes
