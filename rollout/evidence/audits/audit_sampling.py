"""Which camera-hours are looked at, and with what probability each could have been. Pure; the random source is given.

Two wishes pull apart. Equal probabilities keep the largest weight small, and the safe bound rests on that weight.
Looking where the model was nearly sure finds more. So every hour gets its equal share of one part of the sheets, and
the rest go by the square root of the hour's highest score: no weight is then larger than equal ones by more than a
small factor, however wrong the scores are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from random import Random
from typing import Final

LOWEST_SCORE: Final = 0.01
"""Scores below count as this: an hour in which the model saw nothing at all is still worth a sheet."""
LARGEST_WEIGHT_RATIO: Final = 3.0
"""No weight is larger than this many times what equal probabilities would give."""


@dataclass(frozen=True, slots=True)
class DrawPlan:
    """Sheets for one day: drawn alike from all hours, drawn by score, and planted."""

    alike: int = 25
    by_score: int = 20
    planted: int = 5

    def __post_init__(self) -> None:
        if min(self.alike, self.by_score, self.planted) < 0 or self.alike + self.by_score == 0:
            raise ValueError(f"a day's draw needs at least one sheet: {self}")
        if self.drawn / max(self.alike, 1) > LARGEST_WEIGHT_RATIO:
            raise ValueError(
                f"at least a third of the drawn sheets must be alike for all hours, or weights grow too large: {self}"
            )

    @property
    def drawn(self) -> int:
        """Sheets drawn at random."""
        return self.alike + self.by_score


@dataclass(frozen=True, slots=True)
class Hour:
    """A camera-hour that can be drawn."""

    id: int
    campsite: str
    camera: str
    hour_at: float
    dark: bool
    motion: bool
    max_score: float

    @property
    def stratum(self) -> str:
        """Campsite, light and whether anything moved."""
        return f"{self.campsite}/{'dark' if self.dark else 'light'}/{'motion' if self.motion else 'still'}"


def probabilities(hours: Sequence[Hour], plan: DrawPlan) -> list[float]:
    """The inclusion probability of each hour; they add up to the number of sheets, or to all hours if those are fewer.

    1. Each hour gets ``alike / N``, and its share of ``by_score`` by the square root of its highest score.
    2. An hour that would get more than 1 is taken for certain, and the others share what is left.
    """
    if len(hours) <= plan.drawn:
        return [1.0] * len(hours)
    n = len(hours)
    sizes = [sqrt(max(hour.max_score, LOWEST_SCORE)) for hour in hours]
    total = sum(sizes)
    wanted = [plan.alike / n + plan.by_score * size / total for size in sizes]
    certain: set[int] = set()
    while True:
        room = plan.drawn - len(certain)
        rest = sum(wanted[i] for i in range(n) if i not in certain)
        scaled = [1.0 if i in certain else wanted[i] * room / rest for i in range(n)]
        over = {i for i, share in enumerate(scaled) if share >= 1.0} - certain
        if not over:
            return scaled
        certain |= over


def draw(hours: Sequence[Hour], chances: Sequence[float], source: Random) -> list[int]:
    """Indices of the drawn hours: exactly as many as the probabilities add up to, each with exactly its own.

    Systematic sampling: the hours lie in a row, stratum by stratum and in random order within each, every one as long
    as its probability; a comb with teeth one apart falls on the row at a random place. So each stratum gets its
    expected number of sheets, rounded up or down at random.
    """
    order = sorted(range(len(hours)), key=lambda index: (hours[index].stratum, source.random()))
    ends = list(accumulate(chances[index] for index in order))
    tooth = source.random()
    chosen = []
    for index, end in zip(order, ends, strict=True):
        if tooth < end:
            chosen.append(index)
            tooth += 1.0
    return chosen


def minutes_of(bits: int, thumbnails: int) -> list[int]:
    """In which minute of the hour each thumbnail was taken, from the minutes in which the camera was seen at all.

    There is one thumbnail a minute. Where some are missing or came twice, they are spread evenly over those minutes.
    """
    seen = [minute for minute in range(60) if bits >> minute & 1]
    if not seen:
        seen = list(range(60))
    if len(seen) == thumbnails:
        return seen
    return [seen[min(len(seen) - 1, (2 * index + 1) * len(seen) // (2 * thumbnails))] for index in range(thumbnails)]
