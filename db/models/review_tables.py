"""What people decided and saw: reviews of alerts, sightings with their own eyes, and when they were watching."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.alert_tables import Alert
from db.models.base import Base
from db.models.place_tables import Campsite


class Verdict(StrEnum):
    """What a ranger says of an alert."""

    BEAR = "bear"
    NOT_A_BEAR = "not_a_bear"
    UNSURE = "unsure"
    UNDO = "undo"


class Review(Base):
    """One decision. Rows are only ever added; an undo is a row that names what it takes back."""

    __tablename__ = "reviews"
    __table_args__ = (Index(None, "alert_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    verdict: Mapped[str] = mapped_column(String(20))
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("reviews.id"), unique=True)
    seen_version: Mapped[int]
    created_at: Mapped[float]
    effective_at: Mapped[float]
    """When it counts: at once for a bear, after the undo time for "not a bear"."""
    score_hidden: Mapped[bool]
    """Whether the model's score was hidden from the person who decided."""
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)

    alert: Mapped[Alert] = relationship()
    user: Mapped[User] = relationship()


class Sighting(Base):
    """An animal that a person saw with their own eyes.

    Sealed by a digest over what was entered, before the model's opinion is shown to that person.
    """

    __tablename__ = "sightings"
    __table_args__ = (Index(None, "campsite_id", "seen_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    camera_id: Mapped[str | None] = mapped_column(ForeignKey("cameras.id"))
    """The camera in whose view it was, if the observer knows."""
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    watch_id: Mapped[int | None] = mapped_column(ForeignKey("watches.id"))
    animal: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    note: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[float]
    sealed_at: Mapped[float]
    seal: Mapped[str] = mapped_column(String(64))
    blind: Mapped[bool]
    """True when the model's output for the campsite was hidden from the observer all along, and nothing of it could
    have been shown to them before.
    """
    not_blind_why: Mapped[str | None] = mapped_column(Text)
    """Why it is not blind, in a sentence; None for a blind one, and for those from before it was said."""
    seal_version: Mapped[int] = mapped_column(default=1)
    """What the seal covers: 1 what was entered; 2 also whether it was blind, in which watch, and why not."""
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)

    campsite: Mapped[Campsite] = relationship()
    user: Mapped[User] = relationship()


class Watch(Base):
    """From when to when a person watched a campsite. Recall is only measured over watched time."""

    __tablename__ = "watches"
    __table_args__ = (Index(None, "campsite_id", "started_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    started_at: Mapped[float]
    ends_at: Mapped[float | None]
    """When it ends by itself, should its watcher forget it."""
    ended_at: Mapped[float | None]
    ended_because: Mapped[str | None] = mapped_column(String(20))
    """``person`` (who watched), ``forgotten`` (it ended by itself), ``access`` (the account was switched off)."""

    campsite: Mapped[Campsite] = relationship()
    user: Mapped[User] = relationship()
