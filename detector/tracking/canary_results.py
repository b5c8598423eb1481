"""Test clips in the tracker: decided on by the same rule as every frame, and written down as seen, no more.

Their frames never come near an encounter, an alert, a picture or a camera-hour: the tracker hands them over here before
anything else looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from core.messages import EncounterKind, FrameScores, canary_camera
from db.models import CanaryRun
from detector.tracking.tracker import AlertRule, Opened, Track, observe

LONGEST_CLIP_S: Final = 60.0
"""A frame belongs to the clip that began at most this long before it."""


@dataclass(frozen=True, slots=True)
class CanaryNews:
    """What one frame of a clip taught: its score, and whether it made enough agreeing frames."""

    camera: str
    at: float
    score: float
    model: str
    opened: bool


class CanaryTracks:
    """The tracks of the test clips, one for each camera."""

    def __init__(self, rule: AlertRule, rules: Mapping[str, AlertRule] | None = None) -> None:
        """``rules`` are those of cameras with a frame rate of their own; ``rule`` holds for all others."""
        self.rule = rule
        self.rules = rules or {}
        self._tracks: dict[str, Track] = {}
        self._news: list[CanaryNews] = []

    def add(self, scores: FrameScores) -> bool:
        """Take a frame if it was planted; returns whether it was."""
        camera = canary_camera(scores.frame.camera)
        if camera is None:
            return False
        self._tracks[camera], changes = observe(
            self._tracks.get(camera, Track()), scores, self.rules.get(camera, self.rule)
        )
        opened = any(isinstance(change, Opened) and change.draft.kind is EncounterKind.BEAR for change in changes)
        self._news.append(CanaryNews(camera, scores.frame.captured_at, scores.bear, scores.model, opened))
        return True

    def pending(self) -> bool:
        """Whether there is something to write."""
        return bool(self._news)

    def write(self, session: Session, now: float) -> None:
        """Write down what was learnt since the last time. Once seen, a clip stays seen."""
        news, self._news = self._news, []
        for camera in sorted({each.camera for each in news}):
            _write(session, camera, [each for each in news if each.camera == camera], now)


def _write(session: Session, camera: str, news: Iterable[CanaryNews], now: float) -> None:
    for each in news:
        mine = update(CanaryRun).where(
            CanaryRun.camera_id == camera,
            CanaryRun.planted_at <= each.at,
            CanaryRun.planted_at > each.at - LONGEST_CLIP_S,
        )
        session.execute(mine.where(CanaryRun.peak_score < each.score).values(peak_score=each.score, model=each.model))
        if each.opened:
            unseen = mine.where(CanaryRun.seen.is_not(True))
            session.execute(unseen.values(seen=True, seen_at=now, latency_s=round(now - each.at, 4), model=each.model))
