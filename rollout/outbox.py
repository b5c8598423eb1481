"""Empty the outbox: send what the one door has written, record every attempt, and forget nothing.

The row is the duty, the RQ job only the errand: a sweep finds pending rows whose errand was lost.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import apprise
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import Alert, Delivery, DeliveryAttempt, DeliveryStatus
from db.session import Database

log = logging.getLogger(__name__)

BACKOFF_S = (5.0, 20.0, 60.0, 300.0, 900.0)
"""Waits between attempts; after the last one the delivery has failed, and says so."""
LEASE_S = 90.0
"""How long one worker may hold a delivery: longer than a job's time limit."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one attempt needs to know; nothing of it changes while the attempt runs."""

    delivery_id: int
    target: str
    title: str
    body: str
    attempts: int


def due(session: Session, now: float, limit: int = 200) -> list[int]:
    """Deliveries that should be tried now, oldest first."""
    rows = select(Delivery.id).where(Delivery.status == DeliveryStatus.PENDING, Delivery.due_at <= now)
    return list(session.scalars(rows.order_by(Delivery.id).limit(limit)))


def attempt(database: Database, delivery_id: int, now: float) -> bool:
    """Try one delivery; returns whether it was sent by this call.

    1. Claim it: a guarded UPDATE moves its due time ahead, so that no other worker sends it too.
    2. Send, outside of any transaction.
    3. Record the attempt and what follows: sent, tried again later, or failed.

    A worker killed between 2 and 3 leaves the row pending: the message may then come twice, never not at all.
    """
    errand = _claim(database, delivery_id, now)
    if errand is None:
        return False
    detail = _send(errand)
    _record(database, errand, detail, now)
    return detail is None


def next_due(attempts_made: int, now: float) -> float | None:
    """When to try again after ``attempts_made`` failures; None when enough is enough."""
    return now + BACKOFF_S[attempts_made - 1] if attempts_made <= len(BACKOFF_S) else None


def _claim(database: Database, delivery_id: int, now: float) -> Errand | None:
    with database.write() as session:
        claimed = session.execute(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.status == DeliveryStatus.PENDING, Delivery.due_at <= now)
            .values(due_at=now + LEASE_S)
        )
        if claimed.rowcount != 1:  # type: ignore[attr-defined]  # sent already, or another worker has it
            return None
        row = session.get_one(Delivery, delivery_id)
        return Errand(row.id, row.target, row.title, row.body, len(row.attempts))


def _send(errand: Errand) -> str | None:
    """Send it; returns None, or what went wrong."""
    messenger = apprise.Apprise()
    if not messenger.add(errand.target):
        return "Apprise does not know this kind of address; correct `rollout.notify` in the configuration"
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
        sent = messenger.notify(body=errand.body, title=errand.title)
        said = captured.getvalue().strip() if captured else ""
    return None if sent else said or "the service did not accept the message"


def _record(database: Database, errand: Errand, detail: str | None, now: float) -> None:
    with database.write() as session:
        row = session.get_one(Delivery, errand.delivery_id)
        session.add(DeliveryAttempt(delivery_id=row.id, at=now, succeeded=detail is None, detail=detail or "sent"))
        again = None if detail is None else next_due(errand.attempts + 1, now)
        if detail is None:
            row.status, row.sent_at = DeliveryStatus.SENT, now
        elif again is None:
            row.status = DeliveryStatus.FAILED
        else:
            row.due_at = again
        if row.status != DeliveryStatus.PENDING:
            alert = session.get_one(Alert, row.alert_id)
            record(
                session,
                at=now,
                kind=f"delivery.{row.status}",
                subject=f"alert:{alert.id}",
                actor="outbox",
                campsite=alert.campsite_id,
                body={"delivery": row.id, "kind": row.kind, "target": row.target_digest},
            )
    if detail:
        log.warning("delivery %d, attempt %d: %s", errand.delivery_id, errand.attempts + 1, detail)
