"""Messages that were joined to another one, when that one does not go out after all."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Alert, AlertStatus, Delivery, DeliveryKind, DeliveryStatus


def release_joined(session: Session, row: Delivery, now: float) -> list[Delivery]:
    """What was joined to a message that was withheld stands on its own feet again; returns the rows that changed.

    The first whose alert still stands is to be sent, and the others rely on it; whether it may be is asked when it is
    taken. An escalation is never lost with what it was joined to: a camera that lost its authority, say, takes its own
    warnings along and not those of the camera beside it. Hold :func:`db.ledger.lock`.
    """
    joined = select(Delivery).where(Delivery.joined_to_id == row.id, Delivery.status == DeliveryStatus.JOINED)
    changed: list[Delivery] = []
    root: Delivery | None = None
    for each in session.scalars(joined.order_by(Delivery.id)).all():
        if root is not None:
            each.joined_to_id = root.id
        elif _stands(session, each):
            root = each
            each.status, each.joined_to_id, each.why = DeliveryStatus.PENDING, None, None
            each.held = each.kind == DeliveryKind.WARNING and not each.facts["after"]["confirmed"]
            each.due_at = max(each.due_at, now)
            changed.append(each)
        else:
            each.status, each.why = DeliveryStatus.CANCELLED, row.why
            changed.append(each)
    session.flush()
    return changed


def _stands(session: Session, row: Delivery) -> bool:
    """Whether what a message says is still so: confirmed, or at least not rejected."""
    alert = session.get_one(Alert, row.alert_id)
    if row.kind in (DeliveryKind.WARNING, DeliveryKind.CONFIRMED) and row.facts["after"]["confirmed"]:
        return alert.status == AlertStatus.CONFIRMED
    return alert.status != AlertStatus.REJECTED
