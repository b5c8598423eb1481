"""What the weather was, as somebody measured it: told to the system from outside, never asked for."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class Weather(Base):
    """One observation. A value that nobody measured is None, never 0."""

    __tablename__ = "weather"
    __table_args__ = (UniqueConstraint("place", "at", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(String(80))
    """``campsite:<id>`` or ``region:<id>``."""
    at: Mapped[float]
    temperature_c: Mapped[float | None]
    rain_mm: Mapped[float | None]
    """What fell in the hour before ``at``."""
    wind_ms: Mapped[float | None]
    sky: Mapped[str] = mapped_column(String(60), default="")
    """In the source's own words: ``fog``, ``overcast``, ``light rain``; empty when it does not say."""
    source: Mapped[str] = mapped_column(String(80))
    entered_at: Mapped[float]
    entered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """None for what the command line brought in."""
