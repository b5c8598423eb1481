"""The jobs that RQ runs: empty the outbox, draw audits and watch hours, forget old pictures.

They are queued by name (see core/jobs.py).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from core.clock import now_s
from core.config import Config, Retention
from core.config_file import load_config
from core.media import MediaStore
from core.redis_client import connect
from core.settings import Settings, settings
from db.retention import evidence_keys, forget_logins, forget_pictures
from db.session import Database
from rollout.alerts import chase
from rollout.audits import draw_day
from rollout.audits.sheets import day_to_draw
from rollout.breakers.heard import listen
from rollout.campers import forget_campers
from rollout.drills import remind
from rollout.evidence.weekly_watches import draw_week
from rollout.outbox import sweep
from rollout.outward import Outward
from rollout.reports.archive import Archive
from rollout.reports.nightly import write_finished
from rollout.spec_file import load_road

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 10
RETENTION_EVERY_S = 3600
DRILLS_EVERY_S = 6 * 3600
REPORTS_EVERY_S = 1800
AUDITS_EVERY_S = 3600
"""A day is drawn once; asking each hour makes up for an hour in which nobody asked."""


def sweep_outbox() -> int:
    """Page about alerts that nobody looks at, and try every delivery that is due; returns how many were sent."""
    current = settings()
    outward = outward_of(current, load_config(current.bearwatch_config))
    database = Database(current.database)
    try:
        with database.write() as session:
            chase(session, outward, now_s())
        return sweep(database, now_s(), outward.staff)
    finally:
        database.close()


def outward_of(current: Settings, config: Config) -> Outward:
    """Whom the configuration and the road's roster name."""
    road = load_road(current.bearwatch_config, config)
    return Outward.of(config, (contact for keeper in road.roster for contact in keeper.contacts))


def draw_audits() -> int:
    """Draw the contact sheets of the newest day that is over, if they are not drawn yet; returns how many there are."""
    database = Database(settings().database)
    try:
        with database.write() as session:
            now = now_s()
            return len(draw_day(session, day_to_draw(now), now))
    finally:
        database.close()


def remind_of_drills() -> int:
    """Page about campsites whose manual-watch drill is overdue; returns how many there are."""
    current = settings()
    config = load_config(current.bearwatch_config)
    road = load_road(current.bearwatch_config, config)
    targets = outward_of(current, config).staff
    every_s = road.defaults.manual_watch.rehearse_every.nominal_s
    database = Database(current.database)
    try:
        with database.write() as session:
            return len(remind(session, sorted(config.campsites), every_s, targets, now_s()))
    finally:
        database.close()


def draw_watch_hours() -> int:
    """Draw next week's hours of blind watching, if they are not drawn yet; returns how many there are."""
    database = Database(settings().database)
    try:
        with database.write() as session:
            return len(draw_week(session, now_s()))
    finally:
        database.close()


def write_reports() -> int:
    """Write the daily reports of the day that is over, where there is none yet; returns how many were written."""
    current = settings()
    config = load_config(current.bearwatch_config)
    database, client, now = Database(current.database), connect(current.redis), now_s()
    try:
        return write_finished(
            database,
            config,
            load_road(current.bearwatch_config, config),
            Archive(current.bearwatch_data / "reports"),
            listen(client, config, now),
            outward_of(current, config).staff,
            now,
        )
    finally:
        client.close()
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
            forget_campers(session, now_s() - retention.camper_days * 86400, now_s())
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
