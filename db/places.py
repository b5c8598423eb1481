"""Bring the places of the configuration file into the database, and tell where a camera stood when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from core.clock import now_s
from core.config import Config
from db.models import Camera, CameraPlace, Campsite, Region


def sync_places(session: Session, config: Config, now: float | None = None) -> None:
    """Add and update regions, campsites and cameras. What the file no longer names is kept and marked.

    ``now`` is when a camera that stands elsewhere than before was moved there; unset, by the host's clock.
    """
    for key, region in config.regions.items():
        session.merge(Region(id=key, name=region.name or key, timezone=region.timezone))
    session.flush()
    for key, campsite in config.campsites.items():
        row = session.merge(Campsite(id=key, region_id=campsite.region, name=campsite.name or key))
        row.night_timezone = row.night_timezone or config.regions[campsite.region].timezone
    session.flush()
    for key, camera in config.cameras.items():
        session.merge(
            Camera(
                id=key,
                campsite_id=camera.campsite,
                name=camera.name or key,
                enabled=camera.enabled,
                configured=True,
            )
        )
    for gone in session.scalars(select(Camera).where(Camera.id.not_in(list(config.cameras)))):
        gone.configured = False
    session.flush()
    _note_moves(session, config, now_s() if now is None else now)


def _note_moves(session: Session, config: Config, now: float) -> None:
    """Write down which cameras stand elsewhere than before; one that is new has always stood where it is."""
    stood: dict[str, str] = {}
    for row in session.scalars(select(CameraPlace).order_by(CameraPlace.since, CameraPlace.id)):
        stood[row.camera_id] = row.campsite_id
    for key, camera in config.cameras.items():
        if stood.get(key) != camera.campsite:
            since = now if key in stood else 0.0
            session.add(CameraPlace(camera_id=key, campsite_id=camera.campsite, since=since))
    session.flush()


def campsite_at(camera: ColumnElement[str] | Any, at: ColumnElement[float] | Any) -> ColumnElement[str]:
    """The campsite at which a camera stood at a moment, as an SQL expression over a query that joins :class:`Camera`.

    A camera that was moved leaves its history where that happened. Where nobody has written down where it stood, it is
    where the camera stands.
    """
    stood = (
        select(CameraPlace.campsite_id)
        .where(CameraPlace.camera_id == camera, CameraPlace.since <= at)
        .order_by(CameraPlace.since.desc(), CameraPlace.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(stood, Camera.campsite_id)
