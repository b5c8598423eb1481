"""Who has granted how much power, and until when."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class Mode(StrEnum):
    """How much may happen without a person, weakest first."""

    SHADOW = "shadow"
    """Nothing leaves the building."""
    ASSISTED = "assisted"
    """A ranger confirms, then campers are warned."""
    AUTOMATIC = "automatic"
    """Campers are warned, a ranger has a veto window."""


class AuthorityLease(Base):
    """Power over one campsite's cameras, which dies by itself at ``expires_at``. No lease, no authority."""

    __tablename__ = "authority_leases"

    campsite_id: Mapped[str] = mapped_column(ForeignKey("campsites.id"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(20))
    granted_at: Mapped[float]
    expires_at: Mapped[float]
