"""The week's hours of blind watching: drawn before the week begins, from a seed that nobody can choose."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from db.models import Camera, LedgerEntry, RandomWatch
from rollout.evidence.random_watches import HOUR_S, draw_watches
from rollout.evidence.stats.intervals import Interval, intersection, total
from rollout.evidence.watched_time import watches

DAY_S: Final = 86400.0
WEEK_S: Final = 7 * DAY_S
_MONDAY_NOON: Final = 4 * DAY_S + DAY_S / 2
"""The first Monday noon UTC after 1970 began; every week's draw reaches from one to the next."""
LEAST_WATCH_HOURS: Final = 20.0
"""So many hours a week are taken as watched where fewer were: two at random, even before anybody watches."""


def next_week(now: float) -> tuple[float, float]:
    """The first week that has not begun."""
    start = _MONDAY_NOON + ((now - _MONDAY_NOON) // WEEK_S + 1) * WEEK_S
    return start, start + WEEK_S


def draw_week(session: Session, now: float) -> list[RandomWatch]:
    """Draw the hours of the next week at every campsite with a camera, once; a second call returns them.

    1. As many hours will be watched as were in the last seven days, but :data:`LEAST_WATCH_HOURS` at least.
    2. At the very first time also what is left of this week, so that nobody waits a week for the first hour.
    3. The seed follows from the ledger's newest entry.
    """
    campsites = _campsites(session)
    if not campsites:
        return []
    hours = max(LEAST_WATCH_HOURS, watched_hours(session, campsites, now))
    start, end = next_week(now)
    drawn: list[RandomWatch] = []
    if not session.scalar(select(exists().where(RandomWatch.id > 0))):
        soon = (now // HOUR_S + 2) * HOUR_S
        if start - soon >= DAY_S:
            share = (start - soon) / WEEK_S
            drawn += draw_watches(
                session, campsites, soon, start, hours * share, drawn_seed(session, f"watches:{soon:.0f}"), now
            )
    return drawn + draw_watches(session, campsites, start, end, hours, drawn_seed(session, f"watches:{start:.0f}"), now)


def watched_hours(session: Session, campsites: Collection[str], now: float) -> float:
    """Hours that people have watched at these campsites in the last seven days, all together."""
    period = [Interval(now - WEEK_S, now)]
    found = watches(session, now, now - WEEK_S, campsites)
    return sum(total(intersection(found[site], period)) for site in campsites if site in found) / HOUR_S


def _campsites(session: Session) -> list[str]:
    cameras = select(Camera.campsite_id).where(Camera.enabled, Camera.configured).distinct()
    return sorted(session.scalars(cameras))


def drawn_seed(session: Session, what: str) -> str:
    """A seed that follows from the ledger's newest entry: nobody can choose it, anybody can check it."""
    newest = session.scalar(select(LedgerEntry.hash).order_by(LedgerEntry.seq.desc()).limit(1)) or ""
    return hashlib.sha256(f"{what}:{newest}".encode()).hexdigest()[:40]
