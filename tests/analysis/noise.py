"""Made-up repetitions whose truth is known: figures of a quiet machine, of one that steals time, of one that slows down."""

from dataclasses import dataclass

import numpy as np

from lab.analysis.arrays import Floats
from lab.analysis.comparison import Floor, compare

CELLS = 5
PAIRS = 12


@dataclass(frozen=True)
class Noise:
    """How a figure of `base_ms` varies from repetition to repetition.

    `kind`: "normal" with this standard deviation; "heavy", half a Student's t of two degrees, whose variance is infinite;
    "outliers", normal and one repetition in fifty some 30 ms later. `drift_ms`: by how much each repetition is slower than
    the one before.
    """

    kind: str
    base_ms: float
    spread_ms: float
    drift_ms: float = 0.0

    def sides(self, random: np.random.Generator, pairs: int, effect_ms: float) -> tuple[Floats, Floats]:
        """Figures of base and head, run A B B A, the head `effect_ms` slower."""
        place = np.arange(pairs) % 2
        turn = 2 * np.arange(pairs)
        base = self.base_ms + self._noise(random, pairs) + self.drift_ms * (turn + place)
        head = self.base_ms + effect_ms + self._noise(random, pairs) + self.drift_ms * (turn + 1 - place)
        return np.maximum(base, 0.1), np.maximum(head, 0.1)

    def _noise(self, random: np.random.Generator, count: int) -> Floats:
        if self.kind == "heavy":
            return self.spread_ms * np.abs(random.standard_t(2, count))
        normal = random.normal(0.0, self.spread_ms, count)
        if self.kind == "outliers":
            return normal + (random.random(count) < 0.02) * random.exponential(30.0, count)
        return normal


# What a quiet machine does to a TTFC: 0.1 to 0.5 ms between repetitions, rarely more.
CALM = {
    "normal, 0.5 ms on 100": Noise("normal", 100.0, 0.5),
    "normal, 0.3 ms on 20": Noise("normal", 20.0, 0.3),
    "heavy tails, 0.3 ms on 60": Noise("heavy", 60.0, 0.3),
    "outliers of 30 ms, 0.3 ms on 60": Noise("outliers", 60.0, 0.3),
    "drift of 0.2 ms a repetition, 0.3 ms on 60": Noise("normal", 60.0, 0.3, drift_ms=0.2),
}


def checks(noise: Noise, effect_ms: float, count: int, seed: int, pairs: int = PAIRS) -> list[str]:
    """The verdicts of so many checks of five cells, the first of them with the effect."""
    random = np.random.default_rng(seed)
    return [_verdict(_sides(noise, random, pairs, effect_ms)) for _ in range(count)]


def until_decided(noise: Noise, seed: int) -> str:
    """The verdict of one check of five cells that goes on while it is undecided."""
    sides = _sides(noise, np.random.default_rng(seed), 40, 0.0)
    verdict = "undecided"
    for pairs in (12, 16, 24, 40):
        if verdict == "undecided":
            verdict = _verdict([(base[:pairs], head[:pairs]) for base, head in sides])
    return verdict


def _sides(noise: Noise, random: np.random.Generator, pairs: int, effect_ms: float) -> list[tuple[Floats, Floats]]:
    return [noise.sides(random, pairs, effect_ms if cell == 0 else 0.0) for cell in range(CELLS)]


def _verdict(sides: list[tuple[Floats, Floats]]) -> str:
    found = {compare(base.tolist(), head.tolist(), Floor(), len(sides)).verdict for base, head in sides}
    return next((grave for grave in ("worse", "undecided", "better") if grave in found), "same")
