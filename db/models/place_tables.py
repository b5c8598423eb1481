"""Where cameras stand. Mirrors the configuration file, so that history outlives a camera's removal from it."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base


class Region(Base):
    """A county or park."""

    __tablename__ = "regions"

    id: Mapped[str] = mapped_column(String(63), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64))


class Campsite(Base):
    """Where people sleep."""

    __tablename__ = "campsites"

    id: Mapped[str] = mapped_column(String(63), primary_key=True)
    region_id: Mapped[str] = mapped_column(ForeignKey("regions.id"))
    name: Mapped[str] = mapped_column(String(200))
    night_timezone: Mapped[str | None] = mapped_column(String(64))
    """By which clock its nights are dealt out to the splits of labels: the region's when the campsite was first known.
    It is never altered, so that a corrected clock moves no label between what trains and what judges."""

    region: Mapped[Region] = relationship()


class Camera(Base):
    """One camera. ``configured`` is false once the configuration no longer names it."""

    __tablename__ = "cameras"

    id: Mapped[str] = mapped_column(String(63), primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    enabled: Mapped[bool]
    configured: Mapped[bool]

    campsite: Mapped[Campsite] = relationship()


class CameraPlace(Base):
    """Where a camera stood, from when on: a camera that is moved leaves its history where that happened."""

    __tablename__ = "camera_places"
    __table_args__ = (Index(None, "camera_id", "since"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    since: Mapped[float]
    """UTC seconds; 0 for where it stood when this was first written down."""
