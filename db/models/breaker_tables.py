"""Circuit breakers: the state of each detector, every trip, the test clips, and the drills."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.base import Base
from db.models.place_tables import Camera, Campsite

_STILL_OPEN = text("reset_at IS NULL")


class BreakerState(Base):
    """What a breaker remembers of one unit (a camera, a campsite, a region, the rollout) between two checks."""

    __tablename__ = "breaker_states"

    breaker: Mapped[str] = mapped_column(String(40), primary_key=True)
    unit: Mapped[str] = mapped_column(String(80), primary_key=True)
    """As ``camera:upper-creek``, ``site:upper-pines``, ``region:sierra``, ``rollout:rollout``."""
    value: Mapped[float]
    """The detector's value; for a condition, the value that was compared."""
    memory: Mapped[dict[str, Any]]
    """What the detector needs to take its next step; plain JSON."""
    last_input: Mapped[str] = mapped_column(String(80))
    """The newest input that was counted, so that none is counted twice."""
    updated_at: Mapped[float]


class BreakerTrip(Base):
    """A breaker that tripped. Latched: it stays open until people reset it with a written cause.

    Rows are only added; a reset fills its three columns once.
    """

    __tablename__ = "breaker_trips"
    __table_args__ = (
        # One open trip of a kind, however many controllers check at once.
        Index(
            "ix_breaker_trips_open",
            "breaker",
            "scope",
            "scope_id",
            "action",
            unique=True,
            sqlite_where=_STILL_OPEN,
            postgresql_where=_STILL_OPEN,
        ),
        Index(None, "tripped_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    breaker: Mapped[str] = mapped_column(String(40))
    scope: Mapped[str] = mapped_column(String(20))
    scope_id: Mapped[str] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(20))
    tripped_at: Mapped[float]
    value: Mapped[float | None]
    limit: Mapped[float | None]
    why: Mapped[str] = mapped_column(Text)
    series: Mapped[list[list[float]]] = mapped_column(JSON)
    """``[at, value]`` of the last while before the trip, for a plot."""
    reset_at: Mapped[float | None]
    reset_by: Mapped[str | None] = mapped_column(String(200))
    cause: Mapped[str | None] = mapped_column(Text)
    """What the people who reset it found."""


class CanaryRun(Base):
    """A known bear planted on one camera's path, and whether the model saw it."""

    __tablename__ = "canary_runs"
    __table_args__ = (Index(None, "camera_id", "planted_at"), Index(None, "planted_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    planted_at: Mapped[float]
    """Capture time that its first frame carries."""
    frames: Mapped[int]
    background: Mapped[str] = mapped_column(String(20))
    """``camera``: drawn over the camera's own last picture; ``painted``: over a painted one, as there was none."""
    seen: Mapped[bool | None]
    """None until it was seen or its time was over."""
    seen_at: Mapped[float | None]
    latency_s: Mapped[float | None]
    """From the capture time of the deciding frame to the decision."""
    peak_score: Mapped[float]
    model: Mapped[str | None] = mapped_column(String(100))

    camera: Mapped[Camera] = relationship()


class WatchDrill(Base):
    """A rehearsal of the manual watch: the model is thought away, and rangers watch with their own eyes."""

    __tablename__ = "watch_drills"
    __table_args__ = (Index(None, "campsite_id", "held_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    """Who led it."""
    held_at: Mapped[float]
    answered_s: Mapped[float | None]
    """How long until somebody on call had taken over; None when nobody did."""
    passed: Mapped[bool]
    note: Mapped[str] = mapped_column(Text)

    campsite: Mapped[Campsite] = relationship()
    user: Mapped[User] = relationship()
