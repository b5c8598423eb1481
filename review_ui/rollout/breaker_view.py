"""Open breakers: what tripped each, the last while before it, what to do, and who agrees to close it."""

from __future__ import annotations

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import BreakerTrip
from review_ui.rendering.rollout_wording import ABOUT_THE_MODEL, EFFECTS, breaker_name, in_words, next_step
from review_ui.web.viewer_scope import PlacesOut, Reader, Values
from rollout.control.status import RoadView
from rollout.stages.approvals import still_needed
from rollout.stages.commands import Step
from rollout.stages.rollback import latch_id
from rollout.stages.state import Latch


class TripOut(Values):
    """What tripped a breaker, and the last while before it."""

    id: int
    at: float
    value: float | None
    limit: float | None
    why: str
    series: list[tuple[float, float]]


class BreakerOut(Values):
    """An open breaker. While its reader is blind to where it reaches, without its name and reason if it is about the
    model."""

    id: str
    name: str
    effect: str
    effect_words: str
    since: float
    where: PlacesOut | None = Field(description="null: everywhere")
    reason: str
    next_step: str
    hidden: bool
    approvals: list[str] = Field(description="who agrees to close it")
    still_needed: str
    trip: TripOut | None


def breakers(session: Session, reader: Reader, view: RoadView) -> list[BreakerOut]:
    """Every open breaker, with what tripped it."""
    trips = _open_trips(session)
    return [_breaker(reader, view, latch, trips.get(latch.id)) for latch in view.breakers]


def _open_trips(session: Session) -> dict[str, BreakerTrip]:
    rows = session.scalars(select(BreakerTrip).where(BreakerTrip.reset_at.is_(None)).order_by(BreakerTrip.id))
    return {latch_id(row.breaker, f"{row.scope}:{row.scope_id}"): row for row in rows}


def _breaker(reader: Reader, view: RoadView, latch: Latch, trip: BreakerTrip | None) -> BreakerOut:
    told = reader.knows_all(latch.campsites)
    hidden = latch.breaker in ABOUT_THE_MODEL and reader.is_blind(latch.campsites)
    resets = [a for a in view.approvals if a.step is Step.RESET and a.latch == latch.id and a.counts]
    rule = view.road.approvals.resume
    lack = still_needed(view.road, view.state, Step.RESET, rule, view.at, latch=latch.id)
    return BreakerOut(
        id="" if hidden or not told else latch.id,
        name="A breaker about what the model sees" if hidden else breaker_name(latch.breaker),
        effect=latch.effect.value,
        effect_words=EFFECTS[latch.effect],
        since=latch.at,
        where=None if latch.campsites is None else reader.places(latch.campsites),
        reason=latch.reason if told and not hidden else "",
        next_step="" if hidden else next_step(latch.breaker),
        hidden=hidden,
        approvals=[a.by for a in resets],
        still_needed=in_words(lack or ""),
        trip=None if hidden or not told or trip is None else _trip(trip),
    )


def _trip(row: BreakerTrip) -> TripOut:
    return TripOut(
        id=row.id,
        at=row.tripped_at,
        value=row.value,
        limit=row.limit,
        why=row.why,
        series=[(at, value) for at, value in row.series],
    )
