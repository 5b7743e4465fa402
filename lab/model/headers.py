"""Header fields as a scenario writes them: a table of one-line values by name. Knows no field by its meaning."""

from typing import Annotated

from pydantic import AfterValidator


def _one_line_each(headers: dict[str, str]) -> dict[str, str]:
    """RFC 9110 section 5: a field is one line, and its name ends at the colon."""
    for name, value in headers.items():
        if not name.isascii() or not name.strip() or any(mark in name + value for mark in "\r\n\0") or ":" in name:
            raise ValueError(f"{name!r}: {value!r} is no header field: one line, a name without ':', a value")
    return headers


Headers = Annotated[dict[str, str], AfterValidator(_one_line_each)]
