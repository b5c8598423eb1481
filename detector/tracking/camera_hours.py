"""Count what each camera did in each hour: what audits sample from and drift is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import hour_start
from core.messages import FrameScores, Reason
from db.models import CameraHour

BINS = 20


@dataclass
class HourTally:
    """What has been counted for one camera-hour since the last write."""

    frames: dict[str, int] = field(default_factory=dict)
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    unknown: int = 0
    max_score: float = 0.0
    minutes: set[int] = field(default_factory=set)
    thumbnails: list[str] = field(default_factory=list)
    scene_gap: float | None = None

    def add(self, scores: FrameScores, thumbnail: str | None, scene_gap: float | None = None) -> None:
        """Count one scored frame; ``scene_gap``: how far its picture is from the camera's mean picture, where known."""
        reason = scores.frame.reason
        self.frames[reason] = self.frames.get(reason, 0) + 1
        self.histogram[min(int(scores.bear * BINS), BINS - 1)] += 1
        self.unknown += scores.unknown and reason is not Reason.AUDIT
        self.max_score = max(self.max_score, scores.bear)
        self.minutes.add(int(scores.frame.captured_at // 60) % 60)
        if thumbnail and reason is Reason.AUDIT:
            self.thumbnails.append(thumbnail)
        self.scene_gap = _larger(self.scene_gap, scene_gap)


class CameraHours:
    """Tallies in memory, added to the database once in a while."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, int], HourTally] = {}

    def add(self, scores: FrameScores, thumbnail: str | None, scene_gap: float | None = None) -> None:
        """Count one scored frame."""
        key = (scores.frame.camera, hour_start(scores.frame.captured_at))
        self._tallies.setdefault(key, HourTally()).add(scores, thumbnail, scene_gap)

    def write(self, session: Session) -> None:
        """Add the tallies to their rows."""
        for (camera, hour_at), tally in sorted(self._tallies.items()):
            _add(_row(session, camera, hour_at), tally)

    def clear(self) -> None:
        """Forget the tallies, once they are durable."""
        self._tallies = {}


def count_unknown(session: Session, camera: str, at: float, *, held: bool) -> None:
    """Count one encounter with an unknown animal in its camera-hour: raised as an alert, or held back.

    In the encounter's own transaction: it is counted when it exists, and only then.
    """
    row = _row(session, camera, hour_start(at))
    row.unknown = _sum(row.unknown, {"held" if held else "raised": 1})
    session.flush()


def _row(session: Session, camera: str, hour_at: int) -> CameraHour:
    row = session.scalar(select(CameraHour).where(CameraHour.camera_id == camera, CameraHour.hour_at == hour_at))
    if row is None:
        row = CameraHour(
            camera_id=camera,
            hour_at=float(hour_at),
            frames={},
            histogram=[0] * BINS,
            unknown={},
            max_score=0.0,
            minutes=0,
            thumbnails=[],
        )
        session.add(row)
    return row


def _add(row: CameraHour, tally: HourTally) -> None:
    # JSON columns notice a change only when they get a new value.
    row.frames = _sum(row.frames, tally.frames)
    row.histogram = [a + b for a, b in zip(row.histogram, tally.histogram, strict=True)]
    if tally.unknown:
        row.unknown = _sum(row.unknown, {"frames": tally.unknown})
    row.max_score = max(row.max_score, tally.max_score)
    row.scene_gap = _larger(row.scene_gap, tally.scene_gap)
    row.minutes |= sum(1 << minute for minute in tally.minutes)
    row.thumbnails = [*row.thumbnails, *(key for key in tally.thumbnails if key not in row.thumbnails)]


def _larger(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {*one, *other}}
