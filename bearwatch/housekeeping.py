"""The jobs that RQ runs: empty the outbox, draw audits and watch hours, forget old pictures.

They are queued by name (see core/jobs.py).
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from core.clock import now_s
from core.media import MediaStore
from core.redis_client import connect
from core.settings import settings
from core.site_config import Retention
from core.telemetry import Telemetry
from db.downsampling import forget_samples, thin_samples
from db.ledger_anchors import UnreadableAnchors, drop_anchor
from db.retention import (
    evidence_keys,
    forget_challenger_counts,
    forget_clips,
    forget_gaps,
    forget_logins,
    forget_operating_points,
    forget_pictures,
    forget_visit_scores,
    forget_weather,
)
from db.session import Database
from rollout.alerting.alerts import escalate_unacknowledged
from rollout.alerting.camper_messages import forget_campers
from rollout.alerting.outbox import sweep
from rollout.alerting.recipients import Recipients
from rollout.breakers.telemetry_snapshot import collect_telemetry
from rollout.control.drills import remind
from rollout.evidence.audits import draw_due
from rollout.evidence.audits.contact_sheets import day_to_draw
from rollout.evidence.weekly_watches import draw_week
from rollout.reports.archive import Archive
from rollout.reports.nightly import write_finished
from rollout.stages.plan_watcher import in_force
from rollout.stages.spec_file import Configured

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 10
RETENTION_EVERY_S = 3600
DRILLS_EVERY_S = 6 * 3600
REPORTS_EVERY_S = 1800
MINUTES_KEPT_S = 30 * 86400.0
"""How machines were is kept by the minute for so long, then by the hour."""
VISIT_SCORES_KEPT_S = 60 * 86400
"""Thresholds follow from the last thirty days."""
SILENT_KEPT_S = 7 * 86400.0
"""A process that has said nothing for so long was not restarted under its name, and never will be."""
AUDITS_EVERY_S = 3600
"""A day is drawn once; asking each hour makes up for an hour in which nobody asked."""


def sweep_outbox() -> int:
    """Page about alerts that nobody looks at, and try every delivery that is due; returns how many were sent."""
    current = settings()
    recipients = recipients_of(in_force(current.bearwatch_config))
    database = Database(current.database)
    try:
        with database.write() as session:
            escalate_unacknowledged(session, recipients, now_s())
        return sweep(database, now_s(), recipients.staff)
    finally:
        database.close()


def recipients_of(configured: Configured) -> Recipients:
    """Whom the configuration and the plan's rota name."""
    config, plan = configured
    return Recipients.of(config, (contact for person in plan.on_call for contact in person.contacts))


def draw_audits() -> int:
    """Draw the contact sheets of the newest day that is over and of days on which this did not run; returns how many
    were drawn."""
    current = settings()
    retention, database = in_force(current.bearwatch_config).config.retention, Database(current.database)
    try:
        with database.write() as session:
            return draw_audits_until(session, retention, now_s())
    finally:
        database.close()


def draw_audits_until(session: Session, retention: Retention, now: float) -> int:
    """Draw what is due, as far back as there are pictures, and say which days are late."""
    drawn = draw_due(session, now, _day(now, retention.media_days))
    for day, sheets in drawn.items():
        if day != day_to_draw(now):
            log.warning("nobody drew the audits of %s in time; made up for now with %d sheets", day, len(sheets))
    return sum(len(sheets) for sheets in drawn.values())


def remind_of_drills() -> int:
    """Page about campsites whose manual-watch drill is overdue; returns how many there are."""
    current = settings()
    configured = in_force(current.bearwatch_config)
    config, plan = configured
    targets = recipients_of(configured).staff
    every_s = plan.defaults.manual_watch.rehearse_every.nominal_s
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
    configured = in_force(current.bearwatch_config)
    config, plan = configured
    database, client, now = Database(current.database), connect(current.redis), now_s()
    try:
        return write_finished(
            database,
            config,
            plan,
            Archive(current.bearwatch_data / "reports"),
            collect_telemetry(client, config, now),
            recipients_of(configured).staff,
            now,
        )
    finally:
        client.close()
        database.close()


def keep_house() -> int:
    """Remove what has been kept for as long as the configuration says; returns how many pictures went."""
    current, now = settings(), now_s()
    database = Database(current.database)
    try:
        retention = in_force(current.bearwatch_config).config.retention
        removed = remove_old_pictures(database, MediaStore(current.media_dir), retention, now)
        forget_rows(database, retention, now)
        Archive(current.bearwatch_data / "reports").forget(date.fromisoformat(_day(now, retention.reports_days)))
        anchor_ledger(database, current.ledger_anchors, now)
    finally:
        database.close()
    client = connect(current.redis)
    try:
        Telemetry(client).forget_silent(now - SILENT_KEPT_S)
    finally:
        client.close()
    return removed


def anchor_ledger(database: Database, file: Path, now: float) -> None:
    """Write down what the newest entry of the ledger is; when that cannot be, it is said and tried in the next hour."""
    try:
        with database.read() as session:
            drop_anchor(session, file, now)
    except (OSError, UnreadableAnchors) as error:
        log.error("the ledger was not anchored, nobody can see later what is cut off it: %s", error)


def forget_rows(database: Database, retention: Retention, now: float) -> None:
    """Remove rows whose time is over, and make hours of the minutes of machines and queues, a day at a time."""
    with database.write() as session:
        forget_logins(session, now - 86400)
        forget_campers(session, now - retention.camper_days * 86400, now)
        forget_samples(session, now - retention.history_days * 86400)
        forget_clips(session, now - retention.history_days * 86400)
        forget_challenger_counts(session, now - retention.history_days * 86400)
        forget_gaps(session, now - retention.history_days * 86400)
        forget_weather(session, now - retention.history_days * 86400)
        forget_operating_points(session, now - retention.history_days * 86400)
        forget_visit_scores(session, now - VISIT_SCORES_KEPT_S)
    thinned = 1
    while thinned:
        with database.write() as session:
            thinned = thin_samples(session, now - MINUTES_KEPT_S)


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
