"""What was said to whom: alerts to rangers, and deliveries to the outside world."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base
from db.models.places import Camera, Campsite
from db.models.watching import Encounter


class AlertStatus(StrEnum):
    """What people have decided so far."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNSURE = "unsure"


class Alert(Base):
    """An encounter put in front of a ranger. One encounter, one alert."""

    __tablename__ = "alerts"
    __table_args__ = (Index(None, "campsite_id", "status", "captured_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    encounter_id: Mapped[int] = mapped_column(ForeignKey("encounters.id"), unique=True)
    camera_id: Mapped[str] = mapped_column(ForeignKey("cameras.id"))
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    captured_at: Mapped[float]
    """Capture time of the frame that decided: latency is counted from here."""
    created_at: Mapped[float]
    mode: Mapped[str] = mapped_column(String(20))
    """The rollout mode that held when it was raised."""
    status: Mapped[str] = mapped_column(String(20), default=AlertStatus.OPEN)
    version: Mapped[int] = mapped_column(default=1)
    """Counts the decisions; a decision names the version that was seen."""

    encounter: Mapped[Encounter] = relationship()
    camera: Mapped[Camera] = relationship()
    campsite: Mapped[Campsite] = relationship()


class DeliveryStatus(StrEnum):
    """Where a message to the outside is."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"


class Delivery(Base):
    """The outbox: one message to one address, written in the transaction that decided it.

    Only :mod:`rollout.alerts` creates these rows.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("alert_id", "kind", "target_digest", "alert_version"),
        Index(None, "status", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"))
    alert_version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    """``warning`` or ``retraction``."""
    target: Mapped[str] = mapped_column(Text)
    target_digest: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(20), default=DeliveryStatus.PENDING)
    created_at: Mapped[float]
    due_at: Mapped[float]
    sent_at: Mapped[float | None]

    attempts: Mapped[list[DeliveryAttempt]] = relationship(order_by="DeliveryAttempt.id")


class DeliveryAttempt(Base):
    """One try at a delivery, and what came of it."""

    __tablename__ = "delivery_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    at: Mapped[float]
    succeeded: Mapped[bool]
    detail: Mapped[str] = mapped_column(Text)
