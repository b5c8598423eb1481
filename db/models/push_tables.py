"""Devices that want to be told of new alerts while no page is open (Web Push), and the key that signs for this site."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.account_tables import User
from db.models.base import Base
from db.sealed_text import SealedText


class PushKey(Base):
    """The site's key pair for push services, and how far the ledger has been told. One row, made at first use."""

    __tablename__ = "push_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    private_key: Mapped[str] = mapped_column(SealedText("key of push messages"))
    """P-256, PKCS #8, PEM; sealed."""
    public_key: Mapped[str] = mapped_column(String(100))
    """The uncompressed point, base64url: what browsers subscribe with."""
    created_at: Mapped[float]
    told_seq: Mapped[int] = mapped_column(BigInteger)
    """Ledger entries up to this one need no more telling."""


class PushSubscription(Base):
    """One browser of one person that has asked to be told."""

    __tablename__ = "push_subscriptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    session_hash: Mapped[str] = mapped_column(String(64))
    """The login session in which it was asked for; signing out ends the subscription, too."""
    endpoint: Mapped[str] = mapped_column(Text)
    endpoint_digest: Mapped[str] = mapped_column(String(64), unique=True)
    p256dh: Mapped[str] = mapped_column(String(100))
    auth: Mapped[str] = mapped_column(String(40))
    campsites: Mapped[list[str]]
    """Empty: all that its owner may see."""
    created_at: Mapped[float]
    sent_at: Mapped[float | None]
    tested_at: Mapped[float | None]
    """When its owner last asked for a message to try it out."""

    user: Mapped[User] = relationship()
