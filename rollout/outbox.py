"""Empty the outbox: send what the one door has written, record every attempt, and forget nothing.

The row is the duty, the RQ job only the errand: a sweep finds pending rows whose errand was lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import Audience, Delivery, DeliveryAttempt, DeliveryStatus
from db.session import Database
from rollout.alerts import page
from rollout.channels import Message, send
from rollout.mqtt import NotDelivered
from rollout.permission import ASK_AGAIN_S, CLAIM_GOOD_S, Permission, Verdict, permission

log = logging.getLogger(__name__)

BACKOFF_S = (5.0, 20.0, 60.0, 300.0, 900.0)
"""Waits between attempts; after the last one the delivery has failed, and says so."""
LEASE_S = CLAIM_GOOD_S
"""How long one worker may hold a delivery: longer than a job's time limit."""
AT_ONCE: Final = 8
"""Deliveries in flight together: a slow gateway holds up no siren."""
JOB_S: Final = 45.0
"""A sweep takes no more errands after this; the next one goes on."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one attempt needs to know; nothing of it changes while the attempt runs."""

    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and whether another could do better."""

    detail: str
    permanent: bool


def due(session: Session, now: float, limit: int = 200) -> list[int]:
    """Deliveries that should be tried now, the longest due first."""
    rows = select(Delivery.id).where(Delivery.status == DeliveryStatus.PENDING, Delivery.due_at <= now)
    return list(session.scalars(rows.order_by(Delivery.due_at, Delivery.id).limit(limit)))


def sweep(database: Database, now: float, staff: Sequence[str] = ()) -> int:
    """Try everything that is due, several at once; returns how many were sent."""
    with database.read() as session:
        waiting = due(session, now)
    if not waiting:
        return 0
    began = time.monotonic()

    def errand(delivery_id: int) -> bool:
        passed = time.monotonic() - began
        return passed < JOB_S and attempt(database, delivery_id, now + passed, staff)

    with ThreadPoolExecutor(min(AT_ONCE, len(waiting))) as pool:
        return sum(pool.map(errand, waiting))


def attempt(database: Database, delivery_id: int, now: float, staff: Sequence[str] = ()) -> bool:
    """Try one delivery; returns whether it was sent by this call.

    1. Claim it: a guarded UPDATE moves its due time ahead, so that no other worker sends it too. In the same
       transaction ask whether it may still be sent.
    2. Send, outside of any transaction.
    3. Record the attempt and what follows: sent, tried again later, or failed. ``staff`` are paged about a failure.

    A worker killed between 2 and 3 leaves the row pending: the message may then come twice, never not at all.
    """
    errand = _claim(database, delivery_id, now)
    if errand is None:
        return False
    began = time.monotonic()
    failure = _send(errand.message, now)
    _record(database, errand, failure, now, time.monotonic() - began, staff)
    return failure is None


def next_due(attempts_made: int, now: float) -> float | None:
    """When to try again after ``attempts_made`` failures; None when enough is enough."""
    return now + BACKOFF_S[attempts_made - 1] if attempts_made <= len(BACKOFF_S) else None


def _claim(database: Database, delivery_id: int, now: float) -> Errand | None:
    with database.write() as session:
        lock(session)  # before the row, as whoever takes a message back does
        claimed = session.execute(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.status == DeliveryStatus.PENDING, Delivery.due_at <= now)
            .values(due_at=now + LEASE_S, claimed_at=now)
        )
        if claimed.rowcount != 1:  # type: ignore[attr-defined]  # sent already, or another worker has it
            return None
        row = session.get_one(Delivery, delivery_id)
        allowed = permission(session, row, now)
        if allowed.verdict is not Verdict.SEND:
            _withhold(session, row, allowed, now)
            return None
        message = Message(row.id, row.target, row.title, row.body, row.facts)
        return Errand(message, len(row.attempts))


def _withhold(session: Session, row: Delivery, allowed: Permission, now: float) -> None:
    """Do what was decided instead of sending."""
    row.claimed_at = None
    if allowed.verdict is Verdict.WAIT:
        row.due_at = now + ASK_AGAIN_S
        return
    row.status = DeliveryStatus.JOINED if allowed.verdict is Verdict.JOIN else DeliveryStatus.CANCELLED
    row.joined_to_id, row.why = allowed.to, allowed.why
    _note(session, row, now)


def _send(message: Message, now: float) -> Failure | None:
    """Send it; returns None, or what went wrong."""
    try:
        send(message, now)
    except NotDelivered as error:
        return Failure(str(error), error.permanent)
    return None


def _record(
    database: Database, errand: Errand, failure: Failure | None, now: float, took_s: float, staff: Sequence[str]
) -> None:
    ended = now + took_s
    with database.write() as session:
        lock(session)
        row = session.get_one(Delivery, errand.message.delivery_id)
        session.add(
            DeliveryAttempt(
                delivery_id=row.id,
                at=now,
                succeeded=failure is None,
                permanent=failure is not None and failure.permanent,
                took_s=round(took_s, 4),
                detail=failure.detail if failure else "sent",
            )
        )
        _move_on(session, row, errand, failure, ended)
        if row.status == DeliveryStatus.FAILED and row.audience != Audience.STAFF:
            _page_failure(session, row, staff, ended)
    if failure:
        log.warning("delivery %d, attempt %d: %s", row.id, errand.attempts + 1, failure.detail)


def _move_on(session: Session, row: Delivery, errand: Errand, failure: Failure | None, now: float) -> None:
    """Write what follows from an attempt. What was taken back meanwhile and arrived all the same has been sent."""
    row.claimed_at = None
    if failure is None:
        row.status, row.sent_at, row.why = DeliveryStatus.SENT, now, None
        _note(session, row, now)
        return
    if row.status != DeliveryStatus.PENDING:
        return
    again = None if failure.permanent else next_due(errand.attempts + 1, now)
    if again is not None:
        row.due_at = again
        return
    row.status, row.why = DeliveryStatus.FAILED, failure.detail
    _note(session, row, now)


def _note(session: Session, row: Delivery, now: float) -> None:
    record(
        session,
        at=now,
        kind=f"delivery.{row.status}",
        subject=f"alert:{row.alert_id}" if row.alert_id is not None else f"page:{row.key}"[:80],
        actor="outbox",
        campsite=row.campsite_id,
        body={"delivery": row.id, "kind": row.kind, "target": row.target_digest, "why": row.why},
    )


def _page_failure(session: Session, row: Delivery, staff: Sequence[str], now: float) -> None:
    """Somebody has to know that somebody was not told."""
    title = f"A message to {row.audience} was not delivered"
    body = f"{title}: “{row.title}”. {row.why}. Delivery {row.id} of alert {row.alert_id}."
    others = [target for target in staff if target != row.target]
    page(session, key=f"failed:{row.id}", title=title, body=body, targets=others, now=now, campsite=row.campsite_id)
