"""Hours of blind watching at random, kept for ever.

Rangers who know the alerts go where the alerts are, and what they see there is no independent witness. So at least a
tenth of the watch hours is at campsites and at hours that nobody has chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from random import Random
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import civil
from db.ledger import lock, record
from db.models import RandomWatch
from rollout.evidence.loader import timezones_of
from rollout.evidence.stats.intervals import Interval, intersection, total, union
from rollout.evidence.watched_time import watches

LEAST_SHARE: Final = 0.10
HOUR_S: Final = 3600.0
FROM_HOUR: Final = 18
TO_HOUR: Final = 8
"""Hours that can be drawn: from six in the evening to eight in the morning, local time."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An hour at a campsite that can be drawn."""

    campsite: str
    starts_at: float


def slots(timezones: Mapping[str, str], start: float, end: float) -> list[Slot]:
    """The whole hours of the evenings, nights and mornings between two moments, at each campsite."""
    first = ceil(start / HOUR_S)
    found = []
    for campsite in sorted(timezones):
        for hour in range(first, int(end // HOUR_S)):
            local = civil(hour * HOUR_S, timezones[campsite]).hour
            if local >= FROM_HOUR or local < TO_HOUR:
                found.append(Slot(campsite, hour * HOUR_S))
    return found


def choose(options: Sequence[Slot], watch_hours: float, seed: str, share: float = LEAST_SHARE) -> list[Slot]:
    """Draw hours, each with the same probability: ``share`` of all that will be watched, rounded up, at least one.

    ``watch_hours`` is how many hours will be watched in all. Raises ValueError for a smaller share than a tenth.
    """
    if not LEAST_SHARE <= share <= 1.0:
        raise ValueError(
            f"at least {LEAST_SHARE:.0%} of the watch hours are drawn at random; {share:.0%} is too few or too many"
        )
    count = min(len(options), max(1, ceil(share * watch_hours))) if options else 0
    return sorted(Random(seed).sample(list(options), count), key=lambda slot: (slot.starts_at, slot.campsite))


def draw_watches(
    session: Session,
    campsites: Collection[str],
    start: float,
    end: float,
    watch_hours: float,
    seed: str,
    now: float,
    share: float = LEAST_SHARE,
) -> list[RandomWatch]:
    """Draw the random watch hours of a period, and write them down with their probability.

    A period is drawn once: hours that were drawn for it before are returned, and nothing is drawn again. Raises
    ValueError when the period has begun: whoever knows what happened must not choose any more.
    """
    if start < now:
        raise ValueError("the period has begun: draw the hours before")
    lock(session)
    known = session.scalars(
        select(RandomWatch)
        .where(RandomWatch.campsite_id.in_(campsites), RandomWatch.starts_at >= start, RandomWatch.starts_at < end)
        .order_by(RandomWatch.starts_at, RandomWatch.campsite_id)
    ).all()
    if known:
        return list(known)
    zones = {site: zone for site, zone in timezones_of(session).items() if site in set(campsites)}
    options = slots(zones, start, end)
    chosen = choose(options, watch_hours, seed, share)
    rows = [
        RandomWatch(
            campsite_id=slot.campsite,
            starts_at=slot.starts_at,
            ends_at=slot.starts_at + HOUR_S,
            probability=len(chosen) / len(options),
            seed=seed,
            drawn_at=now,
        )
        for slot in chosen
    ]
    session.add_all(rows)
    session.flush()
    body = {"seed": seed, "options": len(options), "chosen": len(chosen), "from": start, "to": end}
    record(session, at=now, kind="watches.drawn", subject="watches", actor="jobs", body=body)
    return rows


def random_share(session: Session, campsites: Collection[str], since: float, now: float) -> float | None:
    """Which share of the watched time since then lay in hours drawn at random; None when nobody watched."""
    period = [Interval(since, now)]
    drawn: dict[str, list[Interval]] = {}
    rows = session.execute(
        select(RandomWatch.campsite_id, RandomWatch.starts_at, RandomWatch.ends_at).where(
            RandomWatch.campsite_id.in_(campsites), RandomWatch.ends_at > since, RandomWatch.starts_at < now
        )
    )
    for site, starts_at, ends_at in rows:
        drawn.setdefault(site, []).append(Interval(starts_at, ends_at))
    watched = watches(session, now, since, campsites)
    spans = {site: intersection(found, period) for site, found in watched.items()}
    everything = sum(total(found) for found in spans.values())
    by_lot = sum(total(intersection(found, union(drawn.get(site, ())))) for site, found in spans.items())
    return by_lot / everything if everything else None
