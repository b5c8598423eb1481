"""One report of any kind. Each is made on request, in one read of the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import Config
from db.models import Campsite, RolloutEvent
from rollout.reports.context import ReportContext
from rollout.reports.daily import daily
from rollout.reports.document import Kind, Report
from rollout.reports.feedback_loop import loop
from rollout.reports.period import Period, period, today
from rollout.reports.rollout_report import plan
from rollout.reports.shadow import shadow

MAKERS: Final[dict[Kind, Callable[[ReportContext], Report]]] = {
    Kind.SHADOW: shadow,
    Kind.DAILY: daily,
    Kind.LOOP: loop,
    Kind.ROLLOUT: plan,
}
SUMMARIES: Final = {
    Kind.SHADOW: "The model against the ranger, sighting by sighting, and what would have happened had it been live",
    Kind.DAILY: "Campers, machines, costs; cameras, latency, messages, breakers, audits, and who watched",
    Kind.LOOP: "Whether the model steers what people look at: attention against bears, labels, drift",
    Kind.ROLLOUT: "The history of the rollout: stages, analyses of the gates, approvals, handovers, breakers",
}
USUAL_DAYS: Final = {Kind.SHADOW: 28, Kind.DAILY: 1, Kind.LOOP: 28}


def make(kind: Kind, asked: ReportContext) -> Report:
    """Make a report."""
    return MAKERS[kind](asked)


def timezone_of(config: Config, campsites: tuple[str, ...]) -> str:
    """On whose clock a report counts days: that of its first campsite."""
    known = next((config.campsites[each] for each in campsites if each in config.campsites), None)
    region = config.regions[known.region] if known else next(iter(config.regions.values()))
    return region.timezone


def usual_period(
    session: Session, kind: Kind, timezone: str, now: float, first: date | None, last: date | None
) -> Period:
    """The days asked for, or the usual ones: of the daily report yesterday, of the rollout everything, else four weeks.

    Raises :class:`rollout.reports.period.BadPeriod`.
    """
    if last is None:
        last = first if kind is Kind.DAILY and first is not None else _newest(kind, timezone, now)
    if first is None and kind is Kind.ROLLOUT:
        began = session.scalar(select(func.min(RolloutEvent.at)))
        first = min(last, today(began if began is not None else now, timezone))
    if first is None:
        first = last - timedelta(days=USUAL_DAYS[kind] - 1)
    return period(first, last, timezone, now)


def _newest(kind: Kind, timezone: str, now: float) -> date:
    day = today(now, timezone)
    return day - timedelta(days=1) if kind is Kind.DAILY else day


def campsites_known(session: Session, config: Config) -> tuple[str, ...]:
    """The configured campsites that the database knows, in the order of the configuration."""
    known = set(session.scalars(select(Campsite.id)))
    return tuple(each for each in config.campsites if each in known)
