"""Send the pages that are due, from a process that needs no Redis for it: a page must not wait for a broken queue."""

from __future__ import annotations

import logging
import threading
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from core.clock import now_s
from db.models import Delivery, DeliveryKind, DeliveryStatus
from db.session import Database
from rollout.alerting.outbox import attempt

log = logging.getLogger(__name__)

POLL_EVERY_S: Final = 1.0
AT_ONCE: Final = 20


def send_pages(database: Database, now: float) -> int:
    """Try every page that is due; returns how many were sent. Others may do the same: each is claimed first."""
    with database.read() as session:
        waiting = list(
            session.scalars(
                select(Delivery.id)
                .where(
                    Delivery.status == DeliveryStatus.PENDING,
                    Delivery.due_at <= now,
                    Delivery.kind == DeliveryKind.PAGE,
                )
                .order_by(Delivery.due_at, Delivery.id)
                .limit(AT_ONCE)
            )
        )
    return sum(attempt(database, delivery_id, now) for delivery_id in waiting)


def keep_paging(database: Database, stop: threading.Event) -> None:
    """Look for pages until ``stop`` is set."""
    while not stop.wait(POLL_EVERY_S):
        try:
            send_pages(database, now_s())
        except SQLAlchemyError as error:
            log.error("pages wait: the database does not answer: %s", error)
