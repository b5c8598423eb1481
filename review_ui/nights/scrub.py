"""What each camera showed at one moment: the nearest frame of an encounter, else the thumbnail of that minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import hour_start
from core.config import Config
from core.media import MediaStore
from core.messages import WHOLE_FRAME, Box
from db.models import CameraHour, Encounter, EncounterFrame
from review_ui.auth.access_scope import AccessScope
from review_ui.rendering.pictures import PictureView, picture

FRAME_WITHIN_S: Final = 45.0
"""A frame of an encounter this near is shown rather than a thumbnail."""
NEAR_S: Final = FRAME_WITHIN_S + 60.0
"""Encounters this near may have such a frame: a few seconds of context come before their first agreeing frame."""
THUMBNAIL_WITHIN_S: Final = 300.0
"""A thumbnail farther away says nothing about the moment."""


@dataclass(frozen=True, slots=True)
class NearestPicture:
    """One camera at a moment. ``at`` is when the picture was taken; ``about`` when that is only known to the minute."""

    camera_id: str
    camera: str
    campsite: str
    picture: PictureView | None
    at: float | None
    about: bool
    box: Box | None
    hidden: bool


def shots(
    session: Session, media: MediaStore, config: Config, campsites: Sequence[str], scope: AccessScope, at: float
) -> tuple[NearestPicture, ...]:
    """All cameras of these campsites at one moment."""
    return tuple(
        _shot(session, media, config, key, at, scope.hides_camera(key, campsite))
        for campsite in campsites
        for key, camera in config.cameras.items()
        if camera.campsite == campsite
    )


def thumbnail_at(thumbnails: Sequence[str], minutes: int, hour_at: float, at: float) -> tuple[str, float] | None:
    """The thumbnail nearest to a moment, with its time to the minute.

    1. One thumbnail for each minute with a scored frame: the n-th belongs to the n-th such minute.
    2. Otherwise they are taken as spread evenly over the hour.
    """
    if not thumbnails:
        return None
    scored = [minute for minute in range(60) if minutes >> minute & 1]
    if len(scored) == len(thumbnails):
        times = [hour_at + 60.0 * minute + 30.0 for minute in scored]
    else:
        step = 3600.0 / len(thumbnails)
        times = [hour_at + step * (place + 0.5) for place in range(len(thumbnails))]
    nearest = min(range(len(thumbnails)), key=lambda place: abs(times[place] - at))
    if abs(times[nearest] - at) > THUMBNAIL_WITHIN_S:
        return None
    return thumbnails[nearest], times[nearest]


def _shot(session: Session, media: MediaStore, config: Config, camera: str, at: float, hidden: bool) -> NearestPicture:
    configured = config.cameras[camera]
    campsite = config.campsites[configured.campsite].name or configured.campsite
    empty = NearestPicture(camera, configured.name or camera, campsite, None, None, False, None, hidden)
    if hidden:
        return empty
    return _frame(session, media, empty, at) or _thumbnail(session, media, empty, at) or empty


def _frame(session: Session, media: MediaStore, empty: NearestPicture, at: float) -> NearestPicture | None:
    row = session.scalar(
        select(EncounterFrame)
        .join(Encounter, Encounter.id == EncounterFrame.encounter_id)
        .where(
            Encounter.camera_id == empty.camera_id,
            Encounter.last_at >= at - NEAR_S,
            Encounter.first_at <= at + NEAR_S,
            EncounterFrame.media.is_not(None),
            EncounterFrame.captured_at.between(at - FRAME_WITHIN_S, at + FRAME_WITHIN_S),
        )
        .order_by(func.abs(EncounterFrame.captured_at - at))
        .limit(1)
    )
    image = picture(media, row.media) if row else None
    if row is None or image is None:
        return None
    x0, y0, x1, y1 = row.box
    box = None if (x0, y0, x1, y1) == WHOLE_FRAME else (x0, y0, x1, y1)
    return NearestPicture(
        empty.camera_id, empty.camera, empty.campsite, image, row.captured_at, about=False, box=box, hidden=False
    )


def _thumbnail(session: Session, media: MediaStore, empty: NearestPicture, at: float) -> NearestPicture | None:
    hour_at = hour_start(at)
    query = select(CameraHour).where(CameraHour.camera_id == empty.camera_id, CameraHour.hour_at == float(hour_at))
    hour = session.scalar(query)
    found = thumbnail_at(hour.thumbnails, hour.minutes, float(hour_at), at) if hour else None
    image = picture(media, found[0]) if found else None
    if found is None or image is None:
        return None
    return NearestPicture(
        empty.camera_id, empty.camera, empty.campsite, image, found[1], about=True, box=None, hidden=False
    )
