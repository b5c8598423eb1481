"""When a disk will be full, by a straight line through how much was free. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86400.0
WINDOW_S: Final = 7 * DAY_S
"""How far back the line looks."""
LEAST_S: Final = DAY_S
LEAST_POINTS: Final = 12
LEAST_FALL: Final = 0.0005
"""Of the disk a day: what shrinks more slowly does not shrink."""
CLEARED: Final = 0.02
"""Somebody has made room when so much more is free than a moment before: the line begins anew."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """``free`` of the disk (0-1) at the end; ``a_day`` is what it loses a day, ``days`` until nothing is left.

    ``days`` is None when it does not shrink. ``over_s`` is the time that the line was drawn through.
    """

    free: float
    a_day: float
    days: float | None
    over_s: float


def forecast(points: Sequence[tuple[float, float]]) -> Forecast | None:
    """From moments (UTC seconds, in order) with the share that was free; None where they are too few or too near."""
    points = _since_cleared(points)
    if len(points) < LEAST_POINTS or points[-1][0] - points[0][0] < LEAST_S:
        return None
    slope = _slope(points) * DAY_S
    free = points[-1][1]
    days = free / -slope if slope <= -LEAST_FALL else None
    return Forecast(free, -slope, days, points[-1][0] - points[0][0])


def _since_cleared(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    jumps = [index for index in range(1, len(points)) if points[index][1] - points[index - 1][1] > CLEARED]
    return points[jumps[-1] :] if jumps else points


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares."""
    at = sum(x for x, _ in points) / len(points)
    level = sum(y for _, y in points) / len(points)
    return sum((x - at) * (y - level) for x, y in points) / sum((x - at) ** 2 for x, _ in points)
