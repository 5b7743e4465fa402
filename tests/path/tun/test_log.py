"""The packet log: what goes in comes out by column, drops know no departure, and it does not grow without bound."""

import pytest

from lab.errors import MeasurementError
from lab.link.packet import DOWN, LOST, NULL, SENT, UP, Packet
from lab.path.tun.log import COLUMNS, PacketLog


def _packet(direction: int, index: int) -> Packet:
    packet = Packet(direction, index, 1, 2**32 - 1, 7, 0x18, 65535 << 14, 1448, 1500, 100 * index, b"")
    packet.t_queue_out_ns, packet.t_due_ns = 100 * index + 10, 100 * index + 20
    return packet


def test_rows_become_columns() -> None:
    log = PacketLog()
    sent, lost = _packet(DOWN, 1), _packet(UP, 2)
    sent.verdict, lost.verdict = SENT, LOST
    log.add(sent, 125)
    log.dropped(lost)
    columns = log.columns()
    assert list(columns) == list(COLUMNS)
    table = {name: list(column) for name, column in columns.items()}
    assert table == {
        "direction": [DOWN, UP],
        "index": [1, 2],
        "connection": [1, 1],
        "seq": [2**32 - 1] * 2,
        "ack": [7, 7],
        "flags": [0x18, 0x18],
        "window": [65535 << 14] * 2,
        "payload_bytes": [1448, 1448],
        "bytes": [1500, 1500],
        "t_in_ns": [100, 200],
        "t_queue_out_ns": [110, NULL],
        "t_due_ns": [120, NULL],
        "t_out_ns": [125, NULL],
        "verdict": [SENT, LOST],
    }


def test_an_empty_log_has_all_columns() -> None:
    assert {name: len(column) for name, column in PacketLog().columns().items()} == dict.fromkeys(COLUMNS, 0)


def test_a_full_log_stops_the_relay_with_a_remedy() -> None:
    log = PacketLog(max_packets=2)
    log.add(_packet(UP, 1), 1)
    log.check()
    log.add(_packet(UP, 2), 2)
    with pytest.raises(MeasurementError, match=r"2 packets crossed .* Make the cell smaller"):
        log.check()
