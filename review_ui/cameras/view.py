"""Cameras over time: in which minutes each was scored, and its newest picture."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.charts.strip import Mark
from core.clock import hour_start
from core.media import MediaStore
from db.models import CameraHour
from review_ui.rendering.pictures import PictureView, picture

DAY_HOURS: Final = 24
HEATS: Final = 4
"""Steps of the strip: from never to all the time."""


@dataclass(frozen=True, slots=True)
class ShownHour:
    """One hour of one camera: in how many of ``of`` minutes a frame of it was scored."""

    at: float
    scored: int
    of: int

    @property
    def heat(self) -> int:
        """0 for never, :data:`HEATS` for all the time; only a whole hour is all the time."""
        if self.of == 0 or self.scored == 0:
            return 0
        return HEATS if self.scored >= self.of else 1 + int((HEATS - 1) * self.scored / self.of)


def uptime(
    session: Session, cameras: Collection[str], now: float, hours: int = DAY_HOURS
) -> dict[str, tuple[ShownHour, ...]]:
    """The last hours of these cameras, oldest first; the hour that is not over yet counts so far.

    Nobody could look through a camera before it was there: until its first minute nothing is missing.
    """
    first = hour_start(now) - 3600 * (hours - 1)
    query = select(CameraHour.camera_id, CameraHour.hour_at, CameraHour.minutes).where(
        CameraHour.camera_id.in_(cameras), CameraHour.hour_at >= first
    )
    bits = {(camera, int(at)): minutes for camera, at, minutes in session.execute(query)}
    began = _began(session, cameras)
    return {
        camera: tuple(
            _hour(first + 3600 * step, bits.get((camera, first + 3600 * step), 0), now, began.get(camera, now))
            for step in range(hours)
        )
        for camera in cameras
    }


def _began(session: Session, cameras: Collection[str]) -> dict[str, float]:
    """When the first frame of each camera was scored, to the minute."""
    firsts = (
        select(CameraHour.camera_id, func.min(CameraHour.hour_at).label("hour_at"))
        .where(CameraHour.camera_id.in_(cameras))
        .group_by(CameraHour.camera_id)
        .subquery()
    )
    query = select(CameraHour.camera_id, CameraHour.hour_at, CameraHour.minutes).join(
        firsts, (firsts.c.camera_id == CameraHour.camera_id) & (firsts.c.hour_at == CameraHour.hour_at)
    )
    return {camera: at + 60 * _first_minute(minutes) for camera, at, minutes in session.execute(query)}


def _first_minute(bits: int) -> int:
    return (bits & -bits).bit_length() - 1 if bits else 0


def share(hours: Sequence[ShownHour]) -> float | None:
    """Share of the minutes in which a frame was scored; None before the first minute is over."""
    minutes = sum(hour.of for hour in hours)
    return sum(min(hour.scored, hour.of) for hour in hours) / minutes if minutes else None


def marks(hours: Sequence[ShownHour]) -> list[Mark]:
    """The hours as cells of a strip."""
    width = 1000.0 / len(hours)
    return [
        Mark(place * width, (place + 1) * width - 2, f"mark-heat-{hour.heat}", f"{hour.scored} of {hour.of} minutes")
        for place, hour in enumerate(hours)
        if hour.of
    ]


def newest_picture(session: Session, media: MediaStore, camera: str) -> tuple[PictureView, float] | None:
    """The newest thumbnail that is still kept, and the hour it was taken in."""
    query = (
        select(CameraHour.thumbnails, CameraHour.hour_at)
        .where(CameraHour.camera_id == camera)
        .order_by(CameraHour.hour_at.desc())
        .limit(48)
    )
    for thumbnails, hour_at in session.execute(query):
        found = picture(media, thumbnails[-1]) if thumbnails else None
        if found is not None:
            return found, hour_at
    return None


def _hour(at: int, bits: int, now: float, began: float) -> ShownHour:
    """Minutes of the running hour count once they are over; the last two may not be written yet."""
    over = min(60, int((now - 120.0 - at) // 60)) - max(0, int((began - at) // 60))
    over = max(0, over)
    return ShownHour(float(at), min(bits.bit_count(), over), over)
