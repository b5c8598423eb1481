"""What was said to whom: alerts to rangers, and deliveries to the outside world."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship, remote

from core.messages import EncounterKind
from db.models.base import Base
from db.models.encounter_tables import Encounter
from db.models.place_tables import Camera, Campsite
from db.sealed_text import SealedText


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
    kind: Mapped[str] = mapped_column(String(20), default=EncounterKind.BEAR)
    """What the model takes it for. An unknown animal's alert warns nobody unless a person says that it is a bear."""
    captured_at: Mapped[float]
    """Capture time of the frame that decided: latency is counted from here."""
    created_at: Mapped[float]
    unknown_at: Mapped[float | None]
    """When it was raised as an unknown animal's, if it has become a bear's: ``created_at`` is when it became that."""
    mode: Mapped[str] = mapped_column(String(20))
    """The rollout mode that held when it was raised."""
    status: Mapped[str] = mapped_column(String(20), default=AlertStatus.OPEN)
    version: Mapped[int] = mapped_column(default=1)
    """Counts the decisions, and that an unknown animal became a bear; a decision names the version that was seen."""

    resembles_id: Mapped[int | None]
    """The rejected alert of this camera that all of it resembles closely; it waits below the others. No foreign key:
    SQLite would have to copy the table to add one, under everything that refers to it."""

    encounter: Mapped[Encounter] = relationship()
    camera: Mapped[Camera] = relationship()
    campsite: Mapped[Campsite] = relationship()
    resembles: Mapped[Alert | None] = relationship(
        primaryjoin=lambda: foreign(Alert.resembles_id) == remote(Alert.id), viewonly=True
    )


class Audience(StrEnum):
    """Whom a message is for."""

    CAMPERS = "campers"
    RANGERS = "rangers"
    STAFF = "staff"
    """Whoever is on call: told of the system, not of bears."""


class DeliveryKind(StrEnum):
    """What a message says."""

    WARNING = "warning"
    """There is a bear."""
    CONFIRMED = "confirmed"
    """A ranger has confirmed what was warned of without one."""
    RETRACTION = "retraction"
    """There is none after all. Sent even after authority has dropped: it only corrects."""
    ADVISORY = "advisory"
    """For rangers: the model has seen something that nobody has looked at yet."""
    PAGE = "page"
    """For staff: something needs a person now."""


class DeliveryStatus(StrEnum):
    """Where a message to the outside is."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Vetoed, or no longer allowed, before it was sent."""
    JOINED = "joined"
    """Not sent: the same people were told of the same visit by the message ``joined_to``."""


class Delivery(Base):
    """The outbox: one message to one address, written in the transaction that decided it.

    Only :mod:`rollout.alerting.alerts` creates these rows.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("alert_id", "kind", "target_digest", "alert_version"),
        UniqueConstraint("key", "target_digest"),
        Index(None, "status", "due_at"),
        Index(None, "campsite_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"))
    """None for a page that is about no alert."""
    alert_version: Mapped[int]
    campsite_id: Mapped[str | None] = mapped_column(ForeignKey("campsites.id"))
    key: Mapped[str | None] = mapped_column(String(120))
    """Pages carry one, so that the same occasion is paged once."""
    audience: Mapped[str] = mapped_column(String(20), default=Audience.CAMPERS, server_default="campers")
    kind: Mapped[str] = mapped_column(String(20))
    mode: Mapped[str | None] = mapped_column(String(20))
    """The rollout mode that allowed it."""
    held: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Waits for ``due_at`` for a ranger's veto, and is sent only if the mode is still automatic then."""
    target: Mapped[str] = mapped_column(SealedText("address of a message"))
    """With its password or key, so sealed."""
    target_digest: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    """The same for machines: what webhooks and MQTT carry."""
    status: Mapped[str] = mapped_column(String(20), default=DeliveryStatus.PENDING)
    joined_to_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id"))
    created_at: Mapped[float]
    due_at: Mapped[float]
    claimed_at: Mapped[float | None]
    """Since when a worker has it in its hands; what is claimed may already have arrived."""
    sent_at: Mapped[float | None]
    why: Mapped[str | None] = mapped_column(Text)
    """Why it was cancelled, joined, or given up."""

    attempts: Mapped[list[DeliveryAttempt]] = relationship(order_by="DeliveryAttempt.id")


class DeliveryAttempt(Base):
    """One try at a delivery, and what came of it."""

    __tablename__ = "delivery_attempts"

    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    at: Mapped[float] = mapped_column(index=True)
    succeeded: Mapped[bool]
    permanent: Mapped[bool] = mapped_column(default=False, server_default=false())
    """It would fail again in the same way: nobody tries on, somebody has to correct the address."""
    took_s: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    detail: Mapped[str] = mapped_column(Text)
