"""Write the daily report of each campsite's finished day, once, and tell staff where something wants a hand."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import Camera, CameraHour
from db.session import Database
from rollout.alerting.alerts import page
from rollout.breakers.telemetry_snapshot import TelemetrySnapshot
from rollout.reports.archive import Archive
from rollout.reports.build import campsites_known, make, timezone_of
from rollout.reports.context import ReportContext
from rollout.reports.document import Kind, Report, Status
from rollout.reports.period import midnight, period, today
from rollout.stages.plan import RolloutPlan

log = logging.getLogger(__name__)

AFTER_MIDNIGHT_S: Final = 600.0
"""What belongs to a day may be written a little later."""


def write_finished(
    database: Database,
    config: Config,
    plan: RolloutPlan,
    archive: Archive,
    snapshot: TelemetrySnapshot,
    staff: Iterable[str],
    now: float,
) -> int:
    """Write yesterday's report of every campsite that has none yet; returns how many were written.

    1. Days are those of the campsite's own calendar; what belongs to one may be written a little after midnight.
    2. Before the day on which a camera of a campsite was first seen there is nothing to report.
    3. A report with something red in it is paged to ``staff``, once.
    """
    targets, written = list(staff), 0
    with database.read() as session:
        campsites = campsites_known(session, config)
    for campsite in campsites:
        timezone = timezone_of(config, (campsite,))
        day = today(now, timezone)
        yesterday = day - timedelta(days=1)
        if now < midnight(day, timezone) + AFTER_MIDNIGHT_S or archive.has(yesterday, campsite):
            continue
        days = period(yesterday, yesterday, timezone, now)
        with database.read() as session:
            if not _has_begun(session, campsite, days.end):
                continue
            asked = ReportContext(session, config, plan, days, (campsite,), now, everything=False, snapshot=snapshot)
            report = make(Kind.DAILY, asked)
        archive.write(report)
        written += 1
        if report.worst is Status.RED and targets:
            _tell(database, report, targets, now)
    if written:
        log.info("wrote %d daily reports", written)
    return written


def _has_begun(session: Session, campsite: str, end: float) -> bool:
    """Whether any camera of a campsite had ever been seen by then: before that there is nothing to report on."""
    first = select(func.min(CameraHour.hour_at)).join(Camera, Camera.id == CameraHour.camera_id)
    began = session.scalar(first.where(Camera.campsite_id == campsite))
    return began is not None and began < end


def _tell(database: Database, report: Report, targets: list[str], now: float) -> None:
    (place,) = report.places
    red = [f"{each.question} {each.words}" for each in report.answers if each.light is Status.RED]
    key = f"daily:{report.period.first}:{place.id}"
    title = f"Daily report of {place.name}: something wants a hand"
    with database.write() as session:
        page(session, key=key, title=title, body=" ".join(red), targets=targets, now=now, campsite=place.id)
