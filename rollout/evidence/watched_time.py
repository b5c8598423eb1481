"""Until when a watch was really kept. Recall is only measured over watched time, so that this decides what counts."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nextafter
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import LedgerEntry, Watch
from rollout.evidence.comparison import Intervals
from rollout.evidence.stats.intervals import Interval, union

FORGOTTEN: Final = "forgotten"
"""Why a watch has ended, when it ended by itself."""
SILENT_S: Final = 1800.0
"""A forgotten watch without a single sign of life counts for this long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A watch as far as it counts."""

    campsite: str
    user_id: int
    span: Interval
    ended: str | None
    """Why it is over (:attr:`db.models.Watch.ended_because`); None while it goes on."""


def kept_watches(
    session: Session, now: float, since: float = -inf, campsites: Collection[str] | None = None
) -> list[Kept]:
    """All watches that reach into the time from ``since`` to ``now``, in order of their start.

    1. A watch that its watcher ended, or that goes on, counts in full.
    2. One that was forgotten counts up to its watcher's last sign of life: the last thing that the ledger says they did
       (a sighting, a decision about an alert, "still watching", an audit). A page left open is none.
    3. Without any, it counts for :data:`SILENT_S`.
    """
    query = select(
        Watch.campsite_id, Watch.user_id, Watch.started_at, Watch.ended_at, Watch.ends_at, Watch.ended_because
    ).where(Watch.started_at < now)
    if campsites is not None:
        query = query.where(Watch.campsite_id.in_(campsites))
    rows: list[tuple[str, int, float, float, str | None]] = []
    for campsite, user, started_at, ended_at, ends_at, because in session.execute(query.order_by(Watch.started_at)):
        end = min(moment for moment in (ended_at, ends_at, now) if moment is not None)
        if end > since:
            rows.append((campsite, user, started_at, end, _why(ended_at, ends_at, because, now)))
    acted = _actions(session, [(user, start, end) for _, user, start, end, ended in rows if ended == FORGOTTEN])
    kept = [
        Kept(campsite, user, Interval(start, _until(start, end, acted[user]) if ended == FORGOTTEN else end), ended)
        for campsite, user, start, end, ended in rows
    ]
    return [each for each in kept if each.span.end > since]


def watches(session: Session, now: float, since: float = -inf, campsites: Collection[str] | None = None) -> Intervals:
    """When at least one person watched each campsite, as :func:`kept_watches` counts it."""
    found: dict[str, list[Interval]] = defaultdict(list)
    for each in kept_watches(session, now, since, campsites):
        found[each.campsite].append(each.span)
    return {campsite: union(spans) for campsite, spans in found.items()}


def _why(ended_at: float | None, ends_at: float | None, because: str | None, now: float) -> str | None:
    """Why a watch is over; one whose end nobody has written down yet is forgotten too."""
    if ended_at is not None:
        return because or "person"
    return FORGOTTEN if ends_at is not None and ends_at <= now else None


def _until(start: float, end: float, acted: Sequence[float]) -> float:
    """Up to and including the last of the moments, which are in order."""
    index = bisect_right(acted, end) - 1
    if index < 0 or acted[index] <= start:
        return min(start + SILENT_S, end)
    return min(nextafter(acted[index], inf), end)


def _actions(session: Session, forgotten: Sequence[tuple[int, float, float]]) -> Mapping[int, Sequence[float]]:
    """When each of these watchers did anything, in order."""
    found: dict[int, list[float]] = defaultdict(list)
    if not forgotten:
        return found
    actors = {f"user:{user}": user for user, _, _ in forgotten}
    rows = session.execute(
        select(LedgerEntry.actor, LedgerEntry.at)
        .where(
            LedgerEntry.actor.in_(actors),
            LedgerEntry.at >= min(start for _, start, _ in forgotten),
            LedgerEntry.at <= max(end for _, _, end in forgotten),
            LedgerEntry.kind != "watch.ended",  # written down by whoever noticed, in the watcher's name
        )
        .order_by(LedgerEntry.at)
    )
    for actor, at in rows:
        found[actors[actor]].append(at)
    return found
