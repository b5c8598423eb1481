"""Empty the outbox: send what is in the outbox, record every attempt, and forget nothing.

The row is the duty, the RQ job only the errand: a sweep finds pending rows whose errand was lost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.ledger import lock
from db.models import Delivery, DeliveryStatus
from db.session import Database
from rollout.alerting.channels import Message, send
from rollout.alerting.deduplication import release_joined
from rollout.alerting.delivery_attempts import Attempt, AttemptWriter, DeliveryJob, Failure, note
from rollout.alerting.mqtt import NotDelivered
from rollout.alerting.send_policy import ASK_AGAIN_S, CLAIM_GOOD_S, Permission, SendDecision, permission

LEASE_S = CLAIM_GOOD_S
"""How long one worker may hold a delivery: longer than a job's time limit."""
AT_ONCE: Final = 8
"""Deliveries in flight together: a slow gateway holds up no siren."""
JOB_S: Final = 45.0
"""A sweep takes no more errands after this; the next one goes on."""


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
    began, writer = time.monotonic(), AttemptWriter(database, staff)

    def job(delivery_id: int) -> bool:
        passed = time.monotonic() - began
        return passed < JOB_S and _run(database, writer, delivery_id, now + passed)

    with ThreadPoolExecutor(min(AT_ONCE, len(waiting))) as pool:
        return sum(pool.map(job, waiting))


def attempt(database: Database, delivery_id: int, now: float, staff: Sequence[str] = ()) -> bool:
    """Try one delivery; returns whether it was sent by this call.

    1. Claim it: its row is locked and its due time moves ahead, so that no other worker sends it too. In the same
       transaction ask whether it may still be sent.
    2. Send, outside of any transaction.
    3. Record the attempt and what follows: sent, tried again later, or failed. ``staff`` are paged about a failure.

    A worker killed between 2 and 3 leaves the row pending: the message may then come twice, never not at all.
    """
    return _run(database, AttemptWriter(database, staff), delivery_id, now)


def _run(database: Database, writer: AttemptWriter, delivery_id: int, now: float) -> bool:
    job = _claim(database, delivery_id, now)
    if job is None:
        return False
    began = time.monotonic()
    failure = _send(job.message, now)
    writer.write(Attempt(job, failure, now, time.monotonic() - began))
    return failure is None


def _claim(database: Database, delivery_id: int, now: float) -> DeliveryJob | None:
    """Take a message that may be sent. What may not, and what others may be told of at this moment, is decided again
    under the ledger's lock; nobody else waits for that."""
    with database.write() as session:
        row = _waiting(session, delivery_id, now)
        if row is None:
            return None
        if not row.held and permission(session, row, now).verdict is SendDecision.SEND:
            return _take(row, now)
    with database.write() as session:
        lock(session)  # before the row, as whoever takes a message back does
        row = _waiting(session, delivery_id, now)
        if row is None:
            return None
        allowed = permission(session, row, now)
        if allowed.verdict is SendDecision.SEND:
            return _take(row, now)
        _withhold(session, row, allowed, now)
    return None


def _waiting(session: Session, delivery_id: int, now: float) -> Delivery | None:
    """The row, locked, if it is still to be sent. None: it was sent already, or another worker has it."""
    return session.scalar(
        select(Delivery)
        .where(Delivery.id == delivery_id, Delivery.status == DeliveryStatus.PENDING, Delivery.due_at <= now)
        .with_for_update(of=Delivery)
    )


def _take(row: Delivery, now: float) -> DeliveryJob:
    row.due_at, row.claimed_at = now + LEASE_S, now
    return DeliveryJob(Message(row.id, row.target, row.title, row.body, row.facts), len(row.attempts))


def _withhold(session: Session, row: Delivery, allowed: Permission, now: float) -> None:
    """Do what was decided instead of sending. A claim of a worker that died stays: it may have sent."""
    if allowed.verdict is SendDecision.WAIT:
        row.due_at = now + ASK_AGAIN_S
        return
    row.status = DeliveryStatus.JOINED if allowed.verdict is SendDecision.JOIN else DeliveryStatus.CANCELLED
    row.joined_to_id, row.why = allowed.to, allowed.why
    note(session, row, now)
    if row.status == DeliveryStatus.CANCELLED:
        for freed in release_joined(session, row, now):
            note(session, freed, now)


def _send(message: Message, now: float) -> Failure | None:
    """Send it; returns None, or what went wrong."""
    try:
        send(message, now)
    except NotDelivered as error:
        return Failure(str(error), error.permanent)
    return None
