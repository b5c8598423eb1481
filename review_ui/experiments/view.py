"""Random watch hours and test nights, as the page and the API show them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import NightExperiment, RandomWatch
from rollout.control.reader import Reader, Values
from rollout.evidence.loader import timezones_of
from rollout.evidence.on_off_nights import effect, plan_of, sightings_by_night
from rollout.evidence.random_watches import LEAST_SHARE, random_share
from rollout.evidence.stats.intervals import Interval, intersection, total
from rollout.evidence.stats.visits import night_of
from rollout.evidence.watched_time import watches
from rollout.evidence.weekly_watches import DAY_S, WEEK_S

AHEAD_S: Final = 2 * WEEK_S
MONTH_S: Final = 28 * DAY_S
OLD_EXPERIMENTS: Final = 5


class DrawnHourOut(Values):
    """An hour of blind watching, drawn at random."""

    id: int
    campsite: str
    name: str
    starts_at: float
    ends_at: float
    timezone: str
    state: str = Field(description="coming, now, or over")
    watched_share: float | None = Field(description="how much of it somebody watched; null while it is not over")


class ExperimentNightOut(Values):
    """One night of an experiment; whether it is on or off is told to operators, and to others once it has begun."""

    night: str = Field(description="by its evening")
    help: str = Field(description="on, off, or sealed")
    tonight: bool


class ExperimentSiteOut(Values):
    """An experiment's nights at one campsite."""

    campsite: str
    name: str
    nights: list[ExperimentNightOut]


class EffectOut(Values):
    """What the help adds to a night: bears that people logged."""

    difference: float
    lower: float
    upper: float
    p_value: float
    mean_on: float
    mean_off: float
    nights: int


class ExperimentOut(Values):
    """Nights with and without the model's help."""

    id: int
    name: str
    first_night: str
    nights: int
    block: int
    created_by: str
    ended_at: float | None
    sites: list[ExperimentSiteOut]
    effect: EffectOut | None = Field(description="null while there is no on night or no off night to compare")


class ExperimentsOut(Values):
    """What is decided at random."""

    hours: list[DrawnHourOut]
    share: float | None = Field(description="of the hours watched in the last 28 days, so much lay in drawn hours")
    least_share: float
    experiments: list[ExperimentOut]


def experiments_out(session: Session, reader: Reader, now: float) -> ExperimentsOut:
    """Drawn hours from a week ago on, and experiments, at the reader's campsites."""
    mine = [site for site in reader.names.campsites if reader.covers(site)]
    return ExperimentsOut(
        hours=_hours(session, reader, mine, now),
        share=random_share(session, mine, now - MONTH_S, now),
        least_share=LEAST_SHARE,
        experiments=_experiments(session, reader, mine, now),
    )


def _hours(session: Session, reader: Reader, mine: Collection[str], now: float) -> list[DrawnHourOut]:
    zones, watched = timezones_of(session), watches(session, now)
    rows = session.scalars(
        select(RandomWatch)
        .where(
            RandomWatch.campsite_id.in_(mine),
            RandomWatch.ends_at > now - WEEK_S,
            RandomWatch.starts_at < now + AHEAD_S,
        )
        .order_by(RandomWatch.starts_at, RandomWatch.campsite_id)
    )
    found = []
    for row in rows:
        over = row.ends_at <= now
        watched_s = total(intersection(watched.get(row.campsite_id, ()), [Interval(row.starts_at, row.ends_at)]))
        found.append(
            DrawnHourOut(
                id=row.id,
                campsite=row.campsite_id,
                name=reader.names.campsite(row.campsite_id),
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                timezone=zones[row.campsite_id],
                state="over" if over else "now" if row.starts_at <= now else "coming",
                watched_share=watched_s / (row.ends_at - row.starts_at) if over else None,
            )
        )
    return found


def _experiments(session: Session, reader: Reader, mine: Collection[str], now: float) -> list[ExperimentOut]:
    rows = session.scalars(select(NightExperiment).order_by(NightExperiment.id.desc()))
    shown = [row for row in rows if set(row.campsites) & set(mine)]
    running = [row for row in shown if row.ended_at is None]
    old = [row for row in shown if row.ended_at is not None][:OLD_EXPERIMENTS]
    return [_experiment(session, reader, row, now) for row in (*running, *old)]


def _experiment(session: Session, reader: Reader, row: NightExperiment, now: float) -> ExperimentOut:
    plan, zones = plan_of(row), timezones_of(session)
    sites = []
    for site in plan.campsites:
        if not reader.covers(site) or site not in zones:
            continue
        tonight = night_of(now, zones[site])
        nights = [
            ExperimentNightOut(
                night=night,
                help=_said(plan.is_on(site, night), night <= tonight or reader.operates),
                tonight=night == tonight and row.ended_at is None,
            )
            for night in plan.all_nights()
        ]
        sites.append(ExperimentSiteOut(campsite=site, name=reader.names.campsite(site), nights=nights))
    return ExperimentOut(
        id=row.id,
        name=row.name,
        first_night=row.first_night,
        nights=row.nights,
        block=row.block,
        created_by=row.created_by.name,
        ended_at=row.ended_at,
        sites=sites,
        effect=_effect(session, reader, row, now),
    )


def _effect(session: Session, reader: Reader, row: NightExperiment, now: float) -> EffectOut | None:
    """Counts of sightings of all its campsites: not for whoever may see some only, or watches blind."""
    plan = plan_of(row)
    if reader.is_blind(plan.campsites) or not reader.knows_all(plan.campsites):
        return None
    zones, ended_at = timezones_of(session), row.ended_at
    outcomes = [
        each
        for each in sightings_by_night(session, plan, now)
        if ended_at is None or each.night < night_of(ended_at, zones[each.campsite])
    ]
    found = effect(outcomes, plan)
    if found is None:
        return None
    return EffectOut(
        difference=found.difference,
        lower=found.lower,
        upper=found.upper,
        p_value=found.p_value,
        mean_on=found.mean_on,
        mean_off=found.mean_off,
        nights=found.nights,
    )


def _said(on: bool | None, told: bool) -> str:
    if not told or on is None:
        return "sealed"
    return "on" if on else "off"
