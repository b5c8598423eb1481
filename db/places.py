"""Bring the places of the configuration file into the database."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import Camera, Campsite, Region


def sync_places(session: Session, config: Config) -> None:
    """Add and update regions, campsites and cameras. What the file no longer names is kept and marked."""
    for key, region in config.regions.items():
        session.merge(Region(id=key, name=region.name or key, timezone=region.timezone))
    session.flush()
    for key, campsite in config.campsites.items():
        session.merge(Campsite(id=key, region_id=campsite.region, name=campsite.name or key))
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
