"""Audits: camera-hours drawn at random, put before a person as contact sheets, and what that person found.

Nothing here is shown to an auditor but the thumbnails: not whether a sheet was planted, not why it was drawn, and
nothing that the model says.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.base import Base
from db.models.encounter_tables import Encounter
from db.models.place_tables import Camera, Campsite


class SheetKind(StrEnum):
    """How a sheet came to be."""

    RANDOM = "random"
    """A camera-hour drawn with a known probability."""
    PLANTED = "planted"
    """A camera-hour with a known bear put among its thumbnails: it measures the auditors."""


class BearSeen(StrEnum):
    """What an auditor says of a sheet."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


class AuditDraw(Base):
    """One day's draw. A day is drawn once; what it was drawn from and how can be checked afterwards."""

    __tablename__ = "audit_draws"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """The UTC day whose camera-hours were drawn from, as ``2027-01-15``."""
    drawn_at: Mapped[float]
    seed: Mapped[str] = mapped_column(String(40))
    """The random numbers' seed, a whole number."""
    hours: Mapped[int]
    """Camera-hours with thumbnails that day: the population."""
    hours_digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 over the population, each camera-hour with its probability."""


class AuditSheet(Base):
    """One contact sheet. Its probability was written when it was drawn and never changes."""

    __tablename__ = "audit_sheets"
    __table_args__ = (UniqueConstraint("day", "position"), Index(None, "campsite_id", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(ForeignKey("audit_draws.day"))
    position: Mapped[int]
    """Place in the day's order, which is random: planted sheets lie anywhere."""
    kind: Mapped[str] = mapped_column(String(20))
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    hour_at: Mapped[float]
    stratum: Mapped[str] = mapped_column(String(120))
    """As ``upper-pines/dark/motion``."""
    probability: Mapped[float | None]
    """With which the camera-hour came to be drawn; None for a planted sheet."""
    thumbnails: Mapped[list[str]]
    """Media keys, in order."""
    minutes: Mapped[list[int]]
    """In which minute of the hour each was taken."""
    planted_index: Mapped[int | None]
    """Which thumbnail shows the planted bear."""
    planted_encounter_id: Mapped[int | None] = mapped_column(ForeignKey("encounters.id"))
    drawn_at: Mapped[float]
    due_at: Mapped[float]

    campsite: Mapped[Campsite] = relationship()
    camera: Mapped[Camera] = relationship()
    planted_encounter: Mapped[Encounter | None] = relationship()
    answers: Mapped[list[AuditAnswer]] = relationship(order_by="AuditAnswer.id", back_populates="sheet")


class AuditAnswer(Base):
    """What a person found on a sheet. Rows are only ever added; the newest of a sheet counts."""

    __tablename__ = "audit_answers"
    __table_args__ = (Index(None, "sheet_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("audit_sheets.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    bear: Mapped[str] = mapped_column(String(10))
    marked: Mapped[list[int]]
    """Which thumbnails show it, counted from 0."""
    answered_at: Mapped[float]
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)

    sheet: Mapped[AuditSheet] = relationship(back_populates="answers")
    user: Mapped[User] = relationship()
