"""Named paths: round figures for access networks, each with where its figures come from.

A preset is a starting point and not a claim about anybody's network: measure your own with `ping` and put it in a
scenario. Delays are one way, so the round trip is up + down.
"""

from typing import Any

Preset = dict[str, dict[str, Any]]


def _both(**link: Any) -> Preset:
    return {"up": dict(link), "down": dict(link)}


PRESETS: dict[str, Preset] = {
    # Nothing between: what the machine itself does.
    "loopback": {},
    # A switched building or one availability zone: round trips of 0.5 to 1 ms.
    "lan": _both(delay="500us"),
    # FTTH to a server in the same country: RTT 10 to 20 ms (FCC "Measuring Broadband America": fibre mean ~ 11 to 18 ms).
    "fibre": {"up": {"delay": "8ms", "rate": "100Mbit/s"}, "down": {"delay": "8ms", "rate": "300Mbit/s"}},
    # A home WLAN behind a broadband line, 40 ms away; contention shows as a few ms of jitter.
    "wifi": _both(delay="20ms", jitter="3ms", rate="50Mbit/s"),
    # WebPageTest's long-standing "4G" profile: 9 Mbit/s both ways, RTT 170 ms.
    "4g": _both(delay="85ms", jitter="5ms", rate="9Mbit/s"),
    # WebPageTest's "3G": 1.6 Mbit/s down, 768 kbit/s up, RTT 300 ms.
    "3g": {"up": {"delay": "150ms", "rate": "768kbit/s"}, "down": {"delay": "150ms", "rate": "1600kbit/s"}},
    # Geostationary orbit: 35,786 km up and down twice is 480 ms of light, and 600 ms with processing.
    "satellite": {"up": {"delay": "300ms", "rate": "3Mbit/s"}, "down": {"delay": "300ms", "rate": "20Mbit/s"}},
    # A long, bad path: RTT 100 ms, one packet in fifty lost each way.
    "lossy": _both(delay="50ms", loss="2%"),
    # 5 Mbit/s behind 200 full-size packets: 300,000 bytes take 480 ms to drain.
    "bufferbloat": _both(delay="20ms", rate="5Mbit/s", queue="200p"),
    # Geometry, not a measurement: at 300 km/h a train passes 83 m a second, so a cell of 1 km every 12 s. A change of cell
    # that fails costs half a second, a tunnel of 170 m two. RTT and rate are those of "4g".
    "train": _both(
        delay="85ms",
        jitter="5ms",
        rate="9Mbit/s",
        loss={
            "model": "blackouts",
            "periods": [{"at": "1s", "for": "500ms"}, {"at": "7s", "for": "2s"}],
            "every": "12s",
        },
    ),
}
