"""What campers tell us through the public page, and second reviews of decisions that somebody doubts.

Nothing here says who a camper is. The sender is a digest under a key that is thrown away after a day or two, so that
it can be counted but not found again; the words themselves are forgotten after ``retention.camper_days``.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.alert_tables import Alert
from db.models.base import Base
from db.models.place_tables import Campsite


class MessageKind(StrEnum):
    """Why a camper writes."""

    REPORT = "report"
    """A bear was seen."""
    COMPLAINT = "complaint"
    APPEAL = "appeal"
    """The warning is wrong."""


class CamperMessage(Base):
    """One message from the camper page. ``text`` and ``sender`` become NULL when they are forgotten."""

    __tablename__ = "camper_messages"
    __table_args__ = (Index(None, "campsite_id", "created_at"), Index(None, "sender", "created_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    kind: Mapped[str] = mapped_column(String(20))
    text: Mapped[str | None] = mapped_column(Text)
    sender: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[float]
    alert_id: Mapped[int | None] = mapped_column(ForeignKey("alerts.id"))
    """The alert behind the warning that an appeal is about."""
    idempotency_key: Mapped[str] = mapped_column(String(64), unique=True)
    handled_at: Mapped[float | None]
    handled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    answer: Mapped[str | None] = mapped_column(Text)
    """What the ranger did about it."""

    campsite: Mapped[Campsite] = relationship()
    handled_by: Mapped[User | None] = relationship()


class SenderKey(Base):
    """The key of one UTC day's sender digests. Removing the row makes the digests of that day meaningless."""

    __tablename__ = "sender_keys"

    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    key: Mapped[str] = mapped_column(String(64))


class AppealOutcome(StrEnum):
    """What a second review came to."""

    UPHELD = "upheld"
    """The second ranger says otherwise than the first: whoever appealed was right."""
    DISMISSED = "dismissed"
    UNCLEAR = "unclear"
    """The second ranger cannot tell, or there was no decision to compare with."""


class Appeal(Base):
    """A second, blind review of an alert.

    ``control`` rows are no appeals: they are other decided alerts, mixed in so that a second review does not tell what
    the first decision was. They count in no appeal figure.
    """

    __tablename__ = "appeals"
    __table_args__ = (Index(None, "campsite_id", "answered_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"), unique=True)
    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"))
    control: Mapped[bool]
    opened_at: Mapped[float]
    first_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who decided first; None when the system warned without anybody."""
    first_verdict: Mapped[str | None] = mapped_column(String(20))
    second_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    second_verdict: Mapped[str | None] = mapped_column(String(20))
    answered_at: Mapped[float | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    settled_at: Mapped[float | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    settlement: Mapped[str | None] = mapped_column(Text)
    """What was done after an appeal was upheld."""

    alert: Mapped[Alert] = relationship()
    first_user: Mapped[User | None] = relationship(foreign_keys=first_user_id)
    second_user: Mapped[User | None] = relationship(foreign_keys=second_user_id)
    settled_by: Mapped[User | None] = relationship(foreign_keys=settled_by_id)
