"""What came of each try to send a message, written down: the attempt, what follows from it, and the ledger's entry.

Whoever has tried at the same time is written down together: on PostgreSQL all writers wait for one another at the
ledger, and so eight deliveries wait once instead of eight times.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db.ledger import lock, record
from db.models import Audience, Delivery, DeliveryAttempt, DeliveryStatus
from db.session import Database
from rollout.alerting.alerts import page
from rollout.alerting.channels import Message

log = logging.getLogger(__name__)

BACKOFF_S = (5.0, 20.0, 60.0, 300.0, 900.0)
"""Waits between attempts; after the last one the delivery has failed, and says so."""


@dataclass(frozen=True, slots=True)
class DeliveryJob:
    """What one attempt needs to know; nothing of it changes while the attempt runs."""

    message: Message
    attempts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed, and whether another could do better."""

    detail: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that is over: it began at ``at`` and took ``took_s`` seconds. ``failure`` None: it arrived."""

    job: DeliveryJob
    failure: Failure | None
    at: float
    took_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    attempt: Attempt
    done: Future[None] = field(default_factory=Future)


class AttemptWriter:
    """Writes attempts down, those of several threads in one transaction. ``staff`` are paged about failures."""

    def __init__(self, database: Database, staff: Sequence[str] = ()) -> None:
        self._database = database
        self._staff = staff
        self._write_lock = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[_Waiting] = []

    def write(self, attempt: Attempt) -> None:
        """Return when it is written. Raises what the database raises, to everybody whose attempt was not written."""
        mine = _Waiting(attempt)
        with self._guard:
            self._waiting.append(mine)
        with self._write_lock:  # whoever holds it writes for all that wait
            if not mine.done.done():
                self._write()
        mine.done.result()

    def _write(self) -> None:
        batch: list[_Waiting] = []
        try:
            with self._database.write() as session:
                lock(session)  # while this waits, more of them come
                with self._guard:
                    batch, self._waiting = self._waiting, []
                for each in batch:
                    _write_down(session, each.attempt, self._staff)
        except SQLAlchemyError as error:
            self._finish(batch, error)
        else:
            self._finish(batch, None)
        finally:
            for each in batch:
                each.done.cancel()  # whatever went wrong, nobody waits for ever; one that is done stays so

    def _finish(self, batch: list[_Waiting], error: SQLAlchemyError | None) -> None:
        """Wake those who wait. When the lock itself could not be had, nothing was taken: all of them are told."""
        if error is not None and not batch:
            with self._guard:
                batch, self._waiting = self._waiting, []
        for each in batch:
            if error is not None:
                each.done.set_exception(error)
                continue
            each.done.set_result(None)
            if each.attempt.failure:
                message, number = each.attempt.job.message, each.attempt.job.attempts + 1
                log.warning("delivery %d, attempt %d: %s", message.delivery_id, number, each.attempt.failure.detail)


def next_due(attempts_made: int, now: float) -> float | None:
    """When to try again after ``attempts_made`` failures; None when enough is enough."""
    return now + BACKOFF_S[attempts_made - 1] if attempts_made <= len(BACKOFF_S) else None


def _write_down(session: Session, attempt: Attempt, staff: Sequence[str]) -> None:
    failure, ended = attempt.failure, attempt.at + attempt.took_s
    row = session.get_one(Delivery, attempt.job.message.delivery_id)
    session.add(
        DeliveryAttempt(
            delivery_id=row.id,
            at=attempt.at,
            succeeded=failure is None,
            permanent=failure is not None and failure.permanent,
            took_s=round(attempt.took_s, 4),
            detail=failure.detail if failure else "sent",
        )
    )
    _move_on(session, row, attempt.job, failure, ended)
    if row.status == DeliveryStatus.FAILED and row.audience != Audience.STAFF:
        _page_failure(session, row, staff, ended)


def _move_on(session: Session, row: Delivery, job: DeliveryJob, failure: Failure | None, now: float) -> None:
    """Write what follows from an attempt. What was taken back meanwhile and arrived all the same has been sent."""
    row.claimed_at = None
    if failure is None:
        row.status, row.sent_at, row.why = DeliveryStatus.SENT, now, None
        note(session, row, now)
        return
    if row.status != DeliveryStatus.PENDING:
        return
    again = None if failure.permanent else next_due(job.attempts + 1, now)
    if again is not None:
        row.due_at = again
        return
    row.status, row.why = DeliveryStatus.FAILED, failure.detail
    note(session, row, now)


def note(session: Session, row: Delivery, now: float) -> None:
    """The ledger's entry about a message's new status."""
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
