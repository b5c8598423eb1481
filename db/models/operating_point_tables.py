"""From which bear score on each camera's frames agree, and the visits that this follows from."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class VisitScore(Base):
    """A visit to a camera, whether it raised an alert or not. Rows are only added, and go after some weeks."""

    __tablename__ = "visit_scores"
    __table_args__ = (UniqueConstraint("camera_id", "infrared", "first_at"), Index(None, "last_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    infrared: Mapped[bool]
    model: Mapped[str] = mapped_column(String(100))
    first_at: Mapped[float]
    last_at: Mapped[float]
    peak: Mapped[float]
    """The highest threshold at which it would have raised an alert."""
    threshold: Mapped[float]
    """The one that held."""


class CameraLightDay(Base):
    """How long one camera was watched in one light on one UTC day, by one model, and between which scores."""

    __tablename__ = "camera_light_days"
    __table_args__ = (UniqueConstraint("camera_id", "infrared", "day_at", "model"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    infrared: Mapped[bool]
    day_at: Mapped[float]
    model: Mapped[str] = mapped_column(String(100))
    threshold: Mapped[float]
    """The model's own in that light."""
    minutes: Mapped[int]
    """In so many of its minutes a frame was scored."""
    frames: Mapped[int]
    lowest: Mapped[float]
    highest: Mapped[float]


class OperatingPointChange(Base):
    """A decision about one camera's threshold in one light, with its reason. Rows are only added: the newest holds."""

    __tablename__ = "operating_points"
    __table_args__ = (Index(None, "camera_id", "infrared", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    infrared: Mapped[bool]
    at: Mapped[float]
    model: Mapped[str] = mapped_column(String(100))
    model_threshold: Mapped[float]
    before: Mapped[float]
    threshold: Mapped[float]
    wanted: Mapped[float | None]
    """Where its visits would have it at once and without limits; None while nothing can be promised."""
    ceiling: Mapped[float]
    false_alarms_per_day: Mapped[float]
    """The wish that it follows from."""
    visits: Mapped[int]
    days: Mapped[float]
    constant: Mapped[bool]
    """All its scores are the same: something is out of order."""
    reason: Mapped[str] = mapped_column(String(300))
