"""Sight: whose pictures reach the tracker, and every time in which authority rested for the lack of it."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base

_STILL_OPEN = text("over_at IS NULL")


class CameraSight(Base):
    """How far one camera's pictures have come: scored by a detector that proves itself, and handled by the tracker.

    The tracker writes it every two seconds. Authority is read from it, so that it ends by itself when nothing comes.
    """

    __tablename__ = "camera_sights"

    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"), primary_key=True)
    watched_at: Mapped[float]
    """Capture time of the newest picture that was handled in time."""
    steady_since: Mapped[float | None]
    """Since when they have come without a gap; None when sight is known to be lost."""


class SightGap(Base):
    """A time in which a camera had authority but for its sight. Rows are only added; the end is filled in once."""

    __tablename__ = "sight_gaps"
    __table_args__ = (
        Index("ix_sight_gaps_open", "camera_id", unique=True, sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN),
        Index(None, "lost_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    watched_at: Mapped[float | None]
    """Capture time of the last picture before it; None when there never was one."""
    lost_at: Mapped[float]
    """From when on authority rested."""
    noticed_at: Mapped[float]
    why: Mapped[str] = mapped_column(String(200))
    over_at: Mapped[float | None]
    over: Mapped[str | None] = mapped_column(String(20))
    """``sight``: it came back; ``authority``: that ended, and with it the question."""
