"""How high a camera's threshold might have been for a visit to raise an alert all the same: the visit's peak. Pure.

Each visit is followed at a ladder of thresholds at once, by the rule that opens encounters
(:mod:`core.visit_evidence`): its peak is the highest of them at which it would have opened one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.messages import FrameScores, Reason
from core.visit_evidence import STEP, STRONGEST, WEAKEST, WITHOUT_AGREEMENT, independent, kept, log_odds
from detector.tracking.tracker import AlertRule

_LOG_ODDS: Final = np.arange(-1.4, 3.7, 0.2)
LADDER: Final = tuple(float(threshold) for threshold in 1.0 / (1.0 + np.exp(-_LOG_ODDS)))
"""From .2, the lowest that any camera listens at, to .97, a fifth of a log-odd apart."""
LONGEST_S: Final = 600.0
"""Leaves that move all day are not one visit: after ten minutes the next one begins."""


@dataclass(frozen=True, slots=True)
class VisitPeak:
    """A visit that is over. ``threshold``: the one that held while it was at its peak."""

    camera: str
    infrared: bool
    model: str
    first_at: float
    last_at: float
    peak: float
    threshold: float


@dataclass
class _Followed:
    """One camera in one light: the evidence at each threshold of the ladder, and the visit that goes on.

    ``agreed_at`` is when a frame last reached each threshold, ``enough_at`` when the evidence was last enough where one
    does.
    """

    at: float = -math.inf
    level: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(LADDER)))
    past: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(LADDER)))
    agreed_at: NDArray[np.float64] = field(default_factory=lambda: np.full(len(LADDER), -math.inf))
    enough_at: NDArray[np.float64] = field(default_factory=lambda: np.full(len(LADDER), -math.inf))
    visit: VisitPeak | None = None


class VisitPeaks:
    """The visits of many cameras. Frames that come out of order, and thumbnails, are left out."""

    def __init__(self) -> None:
        self._followed: dict[tuple[str, bool], _Followed] = {}
        self._over: list[VisitPeak] = []

    def add(self, scores: FrameScores, rule: AlertRule) -> None:
        """One scored frame."""
        if scores.frame.reason is Reason.AUDIT:
            return
        at = scores.frame.captured_at
        followed = self._followed.setdefault((scores.frame.camera, scores.infrared), _Followed())
        if at <= followed.at:
            return
        self._end(followed, at, rule)
        opened = np.flatnonzero(_enough(followed, scores, rule))
        if len(opened):
            followed.visit = _longer(followed.visit, scores, LADDER[opened[-1]])

    def expire(self, now: float, rule_of: Callable[[str], AlertRule]) -> None:
        """End what is over, also where no frame comes any more."""
        for (camera, _infrared), followed in self._followed.items():
            self._end(followed, now, rule_of(camera))

    def take(self) -> list[VisitPeak]:
        """The visits that are over; each is given once."""
        over, self._over = self._over, []
        return over

    def _end(self, followed: _Followed, now: float, rule: AlertRule) -> None:
        visit = followed.visit
        if visit is None or (now - visit.last_at <= rule.quiet_gap_s and now - visit.first_at <= LONGEST_S):
            return
        self._over.append(visit)
        followed.visit = None


def _enough(followed: _Followed, scores: FrameScores, rule: AlertRule) -> NDArray[np.bool_]:
    """Whether the evidence is enough for an encounter after one more frame, at each threshold of the ladder.

    As :func:`core.visit_evidence.follow` and :func:`detector.tracking.tracker.observe` have it, for all at once.
    """
    at = scores.frame.captured_at
    if followed.at > -math.inf:
        since_s = at - followed.at
        grown = followed.past + independent(since_s) * followed.level
        followed.past = np.maximum(kept(since_s, rule.window_s) * grown, 0.0)
    levels = 1.0 + (log_odds(scores.bear) - _LOG_ODDS) / STEP if scores.crops else np.full(len(LADDER), WEAKEST)
    followed.at, followed.level = at, np.clip(levels, WEAKEST, STRONGEST)
    totals = np.where(followed.level > 0.0, np.minimum(followed.level, 1.0) + followed.past, -math.inf)
    followed.agreed_at[np.array(LADDER) <= scores.bear] = at
    followed.enough_at[totals >= rule.needed] = at
    seen_well = followed.agreed_at >= at - rule.memory_s
    recently = followed.enough_at >= at - rule.window_s
    return (seen_well & recently) | (totals >= max(rule.needed, WITHOUT_AGREEMENT))


def _longer(visit: VisitPeak | None, scores: FrameScores, peak: float) -> VisitPeak:
    at, frame = scores.frame.captured_at, scores.frame
    if visit is None or visit.model != scores.model:
        return VisitPeak(frame.camera, scores.infrared, scores.model, at, at, peak, scores.threshold)
    higher = peak > visit.peak
    return VisitPeak(
        visit.camera,
        visit.infrared,
        visit.model,
        visit.first_at,
        at,
        max(peak, visit.peak),
        scores.threshold if higher else visit.threshold,
    )
