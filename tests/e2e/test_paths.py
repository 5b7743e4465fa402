"""What a path does to a stream, end to end: rows 7 and 8 of the design's table, by structure, and a path of one's own."""

from pathlib import Path

import pytest

from lab.model.matrix import expand
from lab.run import catalogue
from lab.run.forge import Forge
from lab.run.matrix import judge_evidence
from lab.run.repetition import Repetition
from tests.e2e.harness import NS_PER_MS, Measured, Row, cell_of, joined, measure

pytestmark = pytest.mark.needs("tun")

TICKER = {"profile": "ticker", "chunks": 50, "interval": "20ms"}


def lost(measured: Measured, verdict: str) -> list[Row]:
    return [row for row in measured.path if row["verdict"] == f"dropped: {verdict}"]


def end_after_last_letter_ms(measured: Measured) -> float:
    return float(measured.streams[0]["end_ns"] - measured.chunks[-1]["arrival_ns"]) / NS_PER_MS


def test_behind_a_lost_head_nobody_is_blamed_but_the_path(forge: Forge) -> None:
    """The first letters were there long before the head was, and only with it could they be read."""
    loss = {"model": "drop-list", "packets": [1]}
    cell = cell_of(workload=TICKER, path={"delay": "20ms", "down": {"loss": loss}})
    repetition = Repetition(cell, rep=1, slot=1, seed="1/1")
    evidence = forge.conduct(repetition)
    measured = joined(repetition, evidence)
    assert len(lost(measured, "drop-list")) == 1
    waited = [chunk for chunk in measured.chunks if chunk["recv_ns"] < chunk["readable_ns"]]
    assert waited == measured.chunks[: len(waited)] != []
    assert all(chunk["readable_ns"] <= chunk["read_ns"] for chunk in measured.chunks)
    _, judgement = judge_evidence(repetition, evidence)
    assert not [reason for reason in judgement.reasons if "client" in reason]


@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_a_lost_tail_costs_a_timer(forge: Forge, framing: str) -> None:
    """Row 7: nothing comes behind it that could be acknowledged, so only a timer tells the sender. Of a body that ends by
    closing, the FIN is a packet of its own, and no link can know which packet was the last."""
    path = {"delay": "10ms", "down": {"loss": {"model": "tail"}}}
    measured = measure(forge, workload=TICKER, server={"framing": framing}, path=path)
    assert len(measured.chunks) == TICKER["chunks"]
    tails = lost(measured, "tail")
    assert len(tails) == (1 if framing == "chunked" else 0)
    if tails:
        again = [row for row in measured.packets("down") if row["seq"] == tails[0]["seq"] and row["payload_bytes"]]
        assert len(again) == 1, "the same bytes, once more, and then they pass"
        assert again[0]["t_in_ns"] - tails[0]["t_in_ns"] > 2 * 20 * NS_PER_MS, (
            "later than any acknowledgement could say"
        )
        assert end_after_last_letter_ms(measured) > 2 * 20


def test_a_blackout_costs_more_than_it_lasts(forge: Forge) -> None:
    """Row 8: retransmissions back off, so the gap ends at the first one after the outage: 1 to 2 times later, and RTTs."""
    loss = {"model": "blackouts", "periods": [{"at": "400ms", "for": "400ms"}]}
    measured = measure(forge, workload=TICKER, path={"delay": "10ms", "loss": loss})
    assert len(measured.chunks) == TICKER["chunks"]
    assert lost(measured, "blackout")
    longest_ms = max(measured.gaps_ms())
    assert 400 - 20 <= longest_ms <= 2 * 400 + 200
    assert sorted(measured.gaps_ms())[-2] < longest_ms / 3, "it is one gap"


def test_a_path_of_ones_own(forge: Forge, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        "delay = '3ms'\n[down]\nrate = { file = 'slow.down' }\njitter = { file = 'j.ms' }"
    )
    (tmp_path / "slow.down").write_text("5\n")
    (tmp_path / "j.ms").write_text("0\n2\n")
    (tmp_path / "s.toml").write_text(
        "path = 'own.toml'\n[workload]\nprofile = 'ticker'\nchunks = 10\ninterval = '20ms'\n"
    )
    (cell,) = expand(catalogue.load(str(tmp_path / "s.toml"), {}))
    repetition = Repetition(cell, rep=1, slot=1, seed="1/1")
    measured = joined(repetition, forge.conduct(repetition))
    assert len(measured.chunks) == 10
    down = measured.packets("down")
    assert {(row["t_queue_out_ns"] - down[0]["t_queue_out_ns"]) % (5 * NS_PER_MS) for row in down} == {0}
    ways_ms = {(row["t_due_ns"] - row["t_queue_out_ns"]) / NS_PER_MS for row in down}
    assert ways_ms == {3.0, 5.0}, "the delay and a line; who left the queue together arrives together, in order"
