"""From which bear score on a camera's frames agree, so that its false alarms stay as rare as people accept. Pure.

Bears are so rare that what a camera usually scores is its distribution of false alarms. So its threshold follows from
its own recent visits, in each light apart: the conformal quantile that the wished rate of false alarms leaves. It
begins at the model's own threshold, moves slowly, stays between a floor and a ceiling, and never goes up because bears
came: only an alert that a person has answered with "not a bear" raises it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FLOOR: Final = 0.2
"""No camera listens lower, however quiet it is."""
CEILING_MARGIN: Final = 0.5
"""Nor higher than this, in log-odds, above the model's own threshold: beyond that bears would pay for the silence."""
STEP_A_DAY: Final = 0.25
"""In log-odds: from .57 down to .35 takes four days."""
PRIOR_DAYS: Final = 7.0
"""What the model's own threshold weighs against a camera's days: after a week both count the same."""
RECENT_DAYS: Final = 30.0
GAP: Final = 0.05
"""So far above the last visit that is not to alert, in log-odds: a visit just like it stays below."""


class VisitAnswer(StrEnum):
    """What is known of a visit: whether it raised an alert, and what a person said of that."""

    QUIET = "quiet"
    OPEN = "open"
    """An alert that nobody has answered, or about which somebody was unsure."""
    NOT_A_BEAR = "not_a_bear"
    BEAR = "bear"


@dataclass(frozen=True, slots=True)
class ScoredVisit:
    """A visit to a camera. ``peak``: the highest threshold, 0-1, at which it would have raised an alert."""

    peak: float
    answer: VisitAnswer


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a camera in one light: its visits by one model, and the 24-hour days that these took."""

    visits: tuple[ScoredVisit, ...]
    days: float
    lowest: float
    highest: float
    """The lowest and the highest bear score of any of its frames."""
    frames: int

    @property
    def constant(self) -> bool:
        """Whether every frame scored the same: no picture of the world does that."""
        return self.frames >= LEAST_FRAMES and self.highest - self.lowest < SAME


LEAST_FRAMES: Final = 200
SAME: Final = 1e-6


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a camera's threshold stands in one light. ``wanted``: where its visits would have it, at once and without
    limits; None while nothing can be promised.
    """

    threshold: float
    wanted: float | None
    reason: str


def ceiling(model_threshold: float) -> float:
    """The highest threshold of any camera."""
    return _score(_log_odds(model_threshold) + CEILING_MARGIN)


def floor(model_threshold: float) -> float:
    """The lowest; a model whose own is lower keeps that."""
    return min(FLOOR, model_threshold)


def limited(threshold: float, model_threshold: float) -> float:
    """The threshold, between the floor and the ceiling."""
    return min(max(threshold, floor(model_threshold)), ceiling(model_threshold))


def quantile(peaks: Sequence[float], days: float, a_day: float) -> float | None:
    """The lowest threshold at which at most ``a_day`` false alarms a day are to be expected.

    1. Of n visits in so many days, exchangeable with the next one, the next exceeds the j-th highest with a probability
       of at most j / (n + 1): n / days visits a day make (n / days) j / (n + 1) alarms a day.
    2. The largest j that keeps the wish names the visit; the threshold lies just above it. With fewer visits than
       that, any threshold keeps it: 0.
    3. None: so few days promise nothing, not even with no alarm in all of them.
    """
    n = len(peaks)
    allowed = int(a_day * days * (n + 1) / max(n, 1) + 1e-9)
    if allowed < 1:
        return None
    if allowed > n:
        return 0.0
    return _score(_log_odds(sorted(peaks, reverse=True)[allowed - 1]) + GAP)


def decide(
    before: float, watched: Watched, model_threshold: float, a_day: float, elapsed_days: float
) -> OperatingPoint:
    """The threshold from now on.

    ``before`` is the one until now, ``model_threshold`` the model's own in that light, ``a_day`` the false alarms per
    camera-day that people accept, ``elapsed_days`` the time since the last decision.

    1. A camera whose scores are constant keeps what it has, and is named.
    2. Up goes it only for visits that a person has called no bear.
    3. Down, for all visits but those that are known to be bears: what nobody has answered holds it where it is.
    4. Where they would have it is mixed with the model's own, by the days that are known; then the limits of a day, the
       floor and the ceiling.
    """
    if watched.constant:
        return OperatingPoint(
            limited(before, model_threshold),
            None,
            f"all {watched.frames} frames scored {watched.highest:.3f}: the camera or its picture is out of order",
        )
    rejected = [visit.peak for visit in watched.visits if visit.answer is VisitAnswer.NOT_A_BEAR]
    others = [visit.peak for visit in watched.visits if visit.answer is not VisitAnswer.BEAR]
    wanted = quantile(others, watched.days, a_day)
    upwards = quantile(rejected, watched.days, a_day)
    if wanted is None:
        return OperatingPoint(limited(before, model_threshold), None, _too_new(watched.days, a_day))
    up, down = (_shrunk(wish, watched.days, model_threshold) for wish in (upwards or 0.0, wanted))
    step = STEP_A_DAY * min(max(elapsed_days, 0.0), 1.0)
    if up > before:
        moved = _score(min(_log_odds(up), _log_odds(before) + step))
        threshold = max(min(before, ceiling(model_threshold)), limited(moved, model_threshold))
    elif down < before:
        moved = _score(max(_log_odds(down), _log_odds(before) - step))
        threshold = limited(moved, model_threshold)
    else:
        threshold = limited(before, model_threshold)
    return OperatingPoint(threshold, wanted, _reason(before, threshold, wanted, watched, model_threshold))


def _shrunk(wish: float, days: float, model_threshold: float) -> float:
    weight = days / (days + PRIOR_DAYS)
    own, bounded = _log_odds(model_threshold), max(wish, floor(model_threshold))
    return _score(own + weight * (_log_odds(bounded) - own))


def _too_new(days: float, a_day: float) -> str:
    return (
        f"watched for {days:.1f} days in this light: it takes {1 / a_day:.1f} to promise {a_day:g} false alarms a day"
    )


def _reason(before: float, threshold: float, wanted: float, watched: Watched, model_threshold: float) -> str:
    count = {answer: sum(visit.answer is answer for visit in watched.visits) for answer in VisitAnswer}
    seen = f"{len(watched.visits)} visits in {watched.days:.1f} days"
    if wanted > ceiling(model_threshold):
        return (
            f"{seen}: as few false alarms as wished would take {wanted:.2f}, above the ceiling of "
            f"{ceiling(model_threshold):.2f}; mask what moves there, or accept more"
        )
    if threshold > before:
        return f"{seen}, {count[VisitAnswer.NOT_A_BEAR]} alerts were no bear: it goes up, towards {wanted:.2f}"
    if threshold < before:
        return f"{seen}: it goes down, towards {max(wanted, floor(model_threshold)):.2f}"
    if wanted > before and count[VisitAnswer.OPEN]:
        return f"{seen}, {count[VisitAnswer.OPEN]} alerts without an answer: it stays until these are answered"
    return f"{seen}: it stays"


def _log_odds(score: float) -> float:
    inside = min(max(score, 1e-6), 1.0 - 1e-6)
    return math.log(inside / (1.0 - inside))


def _score(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
