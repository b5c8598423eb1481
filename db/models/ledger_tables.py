"""What happened, in order, each entry sealed to the one before it."""

from __future__ import annotations

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class LedgerEntry(Base):
    """One event. ``hash`` covers its fields and ``previous``, so that no entry can be changed or removed unseen."""

    __tablename__ = "ledger"
    __table_args__ = (Index(None, "actor", "at"),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float]
    kind: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(80), index=True)
    """What it is about, as ``alert:42``."""
    actor: Mapped[str] = mapped_column(String(100))
    """Who did it, as ``user:3`` or ``tracker``."""
    campsite: Mapped[str | None] = mapped_column(String(63))
    body: Mapped[str] = mapped_column(Text)
    """Canonical JSON."""
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
