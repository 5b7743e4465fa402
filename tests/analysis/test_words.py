"""Numbers as people read them: three digits and a unit."""

import pytest

from lab.analysis import words

DURATIONS = {
    0.0: "0 ms", 0.0004: "0.400 µs", 0.05: "50 µs", 0.0505: "50.5 µs", 0.9994: "999 µs", 0.9996: "1.00 ms", 1.0: "1 ms",
    2.04: "2.04 ms", 20.0: "20 ms", 20.16: "20.2 ms", 99.96: "100 ms", 812.4: "812 ms", 999.4: "999 ms", 999.6: "1.00 s",
    1270.0: "1.27 s", 61_000.0: "61 s", 123_456.0: "123 s", -4.0: "-4 ms",
}  # fmt: skip


@pytest.mark.parametrize(("value", "text"), DURATIONS.items())
def test_durations(value: float, text: str) -> None:
    assert words.ms(value) == text


METRICS: dict[str, tuple[str, float | int | bool | str | None, str]] = {
    "not measured": ("gap_ms_p50", None, "–"),
    "a duration": ("gap_ms_p50", 40.4, "40.4 ms"),
    "a buffer": ("startup_buffer_ms", 1230.0, "1.23 s"),
    "a share": ("stall_ratio_100", 0.0231, "2.31 %"),
    "no share": ("stall_ratio_100", 0.0, "0 %"),
    "a mean": ("chunks_per_read", 2.0444, "2.04"),
    "an index": ("fluidity_index", 0.98765, "0.988"),
    "a perfect index": ("fluidity_index", 1.0, "1"),
    "a count": ("chunks", 12_000, "12 000"),
    "valid": ("valid", True, "yes"),
    "invalid": ("valid", False, "no"),
}


@pytest.mark.parametrize(("name", "value", "text"), METRICS.values(), ids=METRICS)
def test_metrics(name: str, value: float | int | bool | str | None, text: str) -> None:
    assert words.metric(name, value) == text


AXES: dict[str, tuple[object, str]] = {
    "a switch": (False, "false"),
    "text": ("20ms", "20ms"),
    "a number": (8, "8"),
    "a table": ({"model": "drop-list", "packets": [40]}, '{"model": "drop-list", "packets": [40]}'),
    "nothing": (None, ""),
}


@pytest.mark.parametrize(("value", "text"), AXES.values(), ids=AXES)
def test_axis_values_are_written_as_in_a_scenario(value: object, text: str) -> None:
    assert words.axis(value) == text


def test_axes_lose_their_table() -> None:
    assert (
        words.axes({"server.flush": "every", "server.nodelay": False, "path": "lan"})
        == "flush every, nodelay false, path lan"
    )


COUNTS = {0: "0 packets", 1: "1 packet", 2: "2 packets", 1_234_567: "1 234 567 packets"}


@pytest.mark.parametrize(("number", "text"), COUNTS.items())
def test_counts(number: int, text: str) -> None:
    assert words.count(number, "packet") == text
