"""The jobs that RQ runs: empty the outbox, forget old pictures. Queued by name (see core/jobs.py)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from core.clock import now_s
from core.config import Retention
from core.config_file import load_config
from core.media import MediaStore
from core.settings import settings
from db.retention import evidence_keys, forget_logins, forget_pictures
from db.session import Database
from rollout.outbox import attempt, due

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 10
RETENTION_EVERY_S = 3600


def sweep_outbox() -> int:
    """Try every delivery that is due; returns how many were sent."""
    database = Database(settings().database)
    try:
        with database.read() as session:
            waiting = due(session, now_s())
        return sum(attempt(database, delivery_id, now_s()) for delivery_id in waiting)
    finally:
        database.close()


def keep_house() -> int:
    """Remove the pictures whose time is over; returns how many."""
    current = settings()
    database = Database(current.database)
    try:
        retention = load_config(current.bearwatch_config).retention
        removed = remove_old_pictures(database, MediaStore(current.media_dir), retention, now_s())
        with database.write() as session:
            forget_logins(session, now_s() - 86400)
        return removed
    finally:
        database.close()


def remove_old_pictures(database: Database, media: MediaStore, retention: Retention, now: float) -> int:
    """Remove pictures day by day, oldest first.

    1. Older than ``media_days``: everything that no encounter refers to.
    2. Older than ``evidence_days``: everything; the rows stay and say that their picture is gone.
    """
    removed = 0
    for day in media.days():
        if day >= _day(now, retention.media_days):
            break
        with database.read() as session:
            evidence = evidence_keys(session, day)
        expired = day < _day(now, retention.evidence_days)
        if expired:
            with database.write() as session:
                forget_pictures(session, evidence)
        for key in media.keys(day):
            if expired or key not in evidence:
                media.remove(key)
                removed += 1
    if removed:
        log.info("removed %d pictures whose time was over", removed)
    return removed


def _day(now: float, days_ago: int) -> str:
    return (datetime.fromtimestamp(now, UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%d")
