"""What is open: breakers with what tripped each, and watches that nobody has taken over yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import BreakerTrip
from rollout.control.reader import Names, PlacesView, Reader, Values
from rollout.control.status_words import ABOUT_THE_MODEL, EFFECTS, breaker_name, in_words, next_step
from rollout.stages.approvals import counting, still_needed
from rollout.stages.commands import Step
from rollout.stages.plan import RolloutPlan
from rollout.stages.rollback import latch_id
from rollout.stages.state import Handover, Latch, State


class TripView(Values):
    """What tripped a breaker, and the last while before it."""

    id: int
    at: float
    value: float | None
    limit: float | None
    why: str
    series: tuple[tuple[float, float], ...]


class BreakerView(Values):
    """An open breaker. While its reader is blind to where it reaches, without its name and reason if it is about the
    model."""

    id: str
    breaker: str = Field(description="which one, as the configuration names it")
    name: str
    effect: str
    effect_words: str
    since: float
    where: PlacesView | None = Field(description="null: everywhere")
    cameras: tuple[str, ...] = Field(description="the only ones that it is about; empty: all of them")
    reason: str
    next_step: str
    hidden: bool
    approvals: tuple[str, ...] = Field(description="who agrees to close it")
    still_needed: str
    trip: TripView | None

    def redacted(self, reader: Reader) -> BreakerView:
        """As far as it is the reader's to know."""
        where = None if self.where is None else self.where.campsites
        hidden = self.breaker in ABOUT_THE_MODEL and reader.is_blind(where)
        told = reader.knows_all(where) and not hidden
        seen: dict[str, object] = {"where": self.where and reader.places(self.where), "hidden": hidden}
        if not told:
            seen |= {"id": "", "cameras": (), "reason": "", "trip": None}
        if hidden:
            seen |= {"breaker": "", "name": "A breaker about what the model sees", "next_step": ""}
        return self.model_copy(update=seen)


class HandoverView(Values):
    """A watch that nobody has taken over yet."""

    id: int
    where: PlacesView
    cameras: tuple[str, ...] = Field(
        description="names, when only these cameras have lost authority; empty: all of them"
    )
    cause: str
    since: float
    to: str = Field(description="who is paged")
    asked: int = Field(description="how many times somebody was paged")
    next_to: str
    next_at: float
    may_take: bool = Field(description="whether you may take it over")


def open_breakers(
    session: Session, plan: RolloutPlan, state: State, names: Names, now: float
) -> tuple[BreakerView, ...]:
    """Every open breaker, with what tripped it."""
    rows = session.scalars(select(BreakerTrip).where(BreakerTrip.reset_at.is_(None)).order_by(BreakerTrip.id))
    trips = {latch_id(row.breaker, f"{row.scope}:{row.scope_id}"): row for row in rows}
    return tuple(_breaker(plan, state, latch, trips.get(latch.id), names, now) for latch in state.latches)


def _breaker(
    plan: RolloutPlan, state: State, latch: Latch, trip: BreakerTrip | None, names: Names, now: float
) -> BreakerView:
    lack = still_needed(plan, state, Step.RESET, plan.approvals.resume, now, latch=latch.id)
    return BreakerView(
        id=latch.id,
        breaker=latch.breaker,
        name=breaker_name(latch.breaker),
        effect=latch.effect.value,
        effect_words=EFFECTS[latch.effect],
        since=latch.at,
        where=None if latch.campsites is None else names.these(latch.campsites),
        cameras=latch.cameras,
        reason=latch.reason,
        next_step=next_step(latch.breaker),
        hidden=False,
        approvals=tuple(a.by for a in counting(plan, state, Step.RESET, plan.approvals.resume, now, latch.id)),
        still_needed=in_words(lack or ""),
        trip=None if trip is None else _trip(trip),
    )


def _trip(row: BreakerTrip) -> TripView:
    return TripView(
        id=row.id,
        at=row.tripped_at,
        value=row.value,
        limit=row.limit,
        why=row.why,
        series=tuple((at, value) for at, value in row.series),
    )


def open_handovers(plan: RolloutPlan, found: Iterable[Handover], names: Names) -> tuple[HandoverView, ...]:
    """Watches that nobody has taken over."""
    users = [person.user for person in plan.on_call]
    return tuple(
        HandoverView(
            id=each.id,
            where=names.places(each.places),
            cameras=tuple(map(names.camera, each.cameras)),
            cause=each.cause,
            since=each.since,
            to=each.to,
            asked=each.level + 1,
            next_to=users[(each.level + 1) % len(users)] if users else "",
            next_at=each.next_at,
            may_take=False,
        )
        for each in found
    )


def handovers_for(reader: Reader, found: Iterable[HandoverView], on_call: Collection[str]) -> tuple[HandoverView, ...]:
    """Those that concern the reader. ``on_call``: the accounts of those who are paged."""
    return tuple(
        each.model_copy(
            update={
                "where": reader.places(each.where),
                "cause": each.cause if reader.knows_all(each.where.campsites) else "authority has ended",
                "may_take": reader.takes_watch and reader.user in on_call,
            }
        )
        for each in found
        if any(map(reader.covers, each.where.campsites))
    )
