"""Figures in words: how numbers are written for people, everywhere the same in terminal, report and charts.

The rule: three digits and a unit, and a dash for what was not measured. Machines read `summary.csv`, never these.
"""

import json
from collections.abc import Mapping

UNMEASURED = "–"

# Metric columns by their ending; whatever else is a float is a plain ratio or mean.
_SHARES = ("stall_ratio_",)


def ms(value_ms: float | None) -> str:
    """Write a duration given in ms: `812 µs`, `20.1 ms`, `1.27 s`."""
    if value_ms is None:
        return UNMEASURED
    for limit, factor, unit in ((0.9995, 1e3, "µs"), (999.5, 1.0, "ms")):
        if value_ms != 0 and abs(value_ms) < limit:
            return f"{digits(value_ms * factor)} {unit}"
    return "0 ms" if value_ms == 0 else f"{digits(value_ms / 1e3)} s"


def digits(value: float) -> str:
    """Write a number with three significant digits, whole numbers in full: `0.812`, `20.1`, `4096`, `20`."""
    if value == int(value) or abs(value) >= 99.95:
        return f"{value:.0f}"
    return f"{value:.{_decimals(abs(value))}f}"


def _decimals(size: float) -> int:
    """Places after the point that make three digits; not more than three of them."""
    return next((places for limit, places in ((9.995, 1), (0.9995, 2)) if size >= limit), 3)


def share(value: float | None) -> str:
    """Write a ratio as a percentage: `0 %`, `2.31 %`."""
    return UNMEASURED if value is None else f"{digits(100 * value)} %"


def count(number: int, noun: str) -> str:
    """Write a number of things: `1 packet`, `1 200 packets`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}".replace(",", " ")


def percentile(q: float) -> str:
    """Write a quantile as `p95`."""
    return f"p{digits(100 * q)}"


def metric(name: str, value: float | int | bool | str | None) -> str:
    """Write the value of the column `name` of `summary.csv`; text is left as it is."""
    if value is None or value == "":
        return UNMEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if "_ms" in name:
        return ms(float(value))
    if name.startswith(_SHARES):
        return share(float(value))
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else digits(value)


def axes(values: Mapping[str, object]) -> str:
    """Write what sets a cell apart: `flush every, nodelay false, path lan`; dotted keys lose their table, long values
    their beginning.
    """
    return ", ".join(f"{key.rpartition('.')[2]} {axis_label(value)}" for key, value in values.items())


# An axis may be a whole command line; where commands differ, they mostly differ at the end.
_AXIS_LENGTH = 32


def axis_label(value: object) -> str:
    """The same, short enough for a chart."""
    text = axis(value)
    return text if len(text) <= _AXIS_LENGTH else f"…{text[1 - _AXIS_LENGTH :]}"


def axis(value: object) -> str:
    """Write one axis value as summary.csv has it: `true`, `20ms`, a table as JSON, empty for none."""
    if isinstance(value, bool | dict | list):
        return json.dumps(value)
    return "" if value is None else str(value)
