"""What is decided at random and not by people: on and off nights, and hours of blind watching."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.base import Base
from db.models.place_tables import Campsite


class NightExperiment(Base):
    """Nights with and without the model's help, at random. Which night is which follows from the seed alone."""

    __tablename__ = "night_experiments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    campsites: Mapped[list[str]]
    first_night: Mapped[str] = mapped_column(String(10))
    """By its evening, as ``2027-07-14``."""
    nights: Mapped[int]
    block: Mapped[int]
    """In every so many nights in a row, half are on."""
    seed: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[float]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[float | None]
    """When it was ended before its time."""

    created_by: Mapped[User] = relationship()


class RandomWatch(Base):
    """An hour of blind watching at a campsite, chosen at random. What is seen then is independent of the model."""

    __tablename__ = "random_watches"
    __table_args__ = (UniqueConstraint("campsite_id", "starts_at"), Index(None, "starts_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    starts_at: Mapped[float]
    ends_at: Mapped[float]
    probability: Mapped[float]
    """With which this hour came to be chosen."""
    seed: Mapped[str] = mapped_column(String(40))
    drawn_at: Mapped[float]

    campsite: Mapped[Campsite] = relationship()
