"""Pipeline freshness: how far each camera's pictures have come, and every gap in which its warnings were paused."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base

_STILL_OPEN = text("over_at IS NULL")


class CameraFreshness(Base):
    """How far one camera's pictures have come: scored by a detector that proves itself, and handled by the tracker.

    The tracker writes it every two seconds. Authority is read from it, so that it ends by itself when nothing comes.
    """

    __tablename__ = "camera_freshness"

    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"), primary_key=True)
    captured_at: Mapped[float]
    """Capture time of the newest picture that was handled in time."""
    steady_since: Mapped[float | None]
    """Since when they have come without a gap; None when it is known that they do not."""


class FreshnessGap(Base):
    """A time in which a camera had authority but no fresh pictures. Rows are only added; the end is filled in once."""

    __tablename__ = "freshness_gaps"
    __table_args__ = (
        Index(
            "ix_freshness_gaps_open", "camera_id", unique=True, sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN
        ),
        Index(None, "lost_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    captured_at: Mapped[float | None]
    """Capture time of the last picture before it; None when there never was one."""
    lost_at: Mapped[float]
    """From when on its warnings were paused."""
    noticed_at: Mapped[float]
    why: Mapped[str] = mapped_column(String(200))
    over_at: Mapped[float | None]
    over: Mapped[str | None] = mapped_column(String(20))
    """``sight``: its pictures came back; ``authority``: that ended, and with it the question."""
