"""How much may happen for a campsite now. One question, one answer, asked in the transaction that acts on it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from db.models import AuthorityLease, Mode


def effective_mode(lease: AuthorityLease | None, now: float) -> Mode:
    """The mode that a lease grants at ``now``.

    1. No lease: shadow.
    2. A lease that has not begun or has run out: shadow. It dies by itself; nobody has to end it.
    3. A mode that this version does not know: shadow.
    """
    if lease is None or not lease.granted_at <= now < lease.expires_at:
        return Mode.SHADOW
    try:
        return Mode(lease.mode)
    except ValueError:
        return Mode.SHADOW


def authority(session: Session, campsite_id: str, now: float) -> Mode:
    """The mode that holds for a campsite's cameras at ``now``."""
    return effective_mode(session.get(AuthorityLease, campsite_id, populate_existing=True), now)
