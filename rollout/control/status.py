"""Everything that a page or a command needs to show of the road, in one read: where we are, the clock, each gate with
its evidence and what is missing, who agrees, what is open, who is called, and what has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import AuthorityLease, Camera, Mode
from rollout.authority.authority import advises, effective_mode
from rollout.authority.freshness import Rest, resting
from rollout.authority.leases import expiries
from rollout.base.metrics import METRICS, Measured
from rollout.base.scopes import campsites_of
from rollout.control.analysis import Look, look
from rollout.control.analysis_store import Point, courses, seen
from rollout.control.forecast import Demand, StagePlan, plan
from rollout.control.service import able
from rollout.stages import commands as c
from rollout.stages.account_checks import as_accounts_stand
from rollout.stages.approvals import authors, counting, slots
from rollout.stages.commands import Person, Step
from rollout.stages.event_store import Entry, history, load
from rollout.stages.gates import GateResult
from rollout.stages.plan import Road, place_lines
from rollout.stages.promotion import Hurdle, hurdles, look_opens, next_stage
from rollout.stages.state import Handover, Latch, Phase, State


class Progress(StrEnum):
    """Where a stage lies, seen from here."""

    DONE = "done"
    HERE = "here"
    NEXT = "next"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage of the road."""

    index: int
    name: str
    mode: Mode
    places: tuple[str, ...]
    duration: str
    progress: Progress
    plan: StagePlan


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate of the current stage: what it demands, what was measured, what came of it, and what is missing."""

    result: GateResult
    summary: str
    measured: Measured | None
    demand: Demand
    course: tuple[Point, ...]
    """What the looks so far found; oldest first."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The current stage's times, UTC seconds. ``left_s`` is None in shadow, which does not end by itself."""

    since: float
    look_at: float
    may_look: bool
    deadline_at: float | None
    left_s: float | None
    timezone: str
    lease_until: float | None
    """When authority dies unless it is renewed; None when there is none."""


@dataclass(frozen=True, slots=True)
class LookedView:
    """When evidence was worked out. ``stored``: by an earlier look; else for this view."""

    at: float
    age_s: float
    stored: bool


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """Somebody's agreement, and whether it counts now."""

    by: str
    roles: tuple[str, ...]
    step: Step
    latch: str | None
    at: float
    lapses_at: float
    counts: bool
    void: str
    """Why it does not count, as the account stands now; empty when it stands."""
    note: str


@dataclass(frozen=True, slots=True)
class KeeperView:
    """Somebody of the roster; ``able`` when their account exists and is switched on."""

    key: str
    user: str
    addresses: int
    able: bool


@dataclass(frozen=True, slots=True)
class SiteView:
    """What holds at a campsite now, for all of its cameras or some."""

    campsite: str
    mode: Mode
    advising: bool


@dataclass(frozen=True, slots=True)
class RoadView:
    """The whole road at one moment. ``epoch`` is what a command names that was given from this view."""

    road: Road
    state: State
    at: float
    phase: Phase
    epoch: int
    here: int
    next: int | None
    stages: tuple[StageView, ...]
    clock: Clock
    looked: LookedView
    gates: tuple[GateView, ...]
    hurdles: tuple[Hurdle, ...]
    """All that keeps the road from going on now; none means that a wish to go on would be granted."""
    approvals: tuple[ApprovalView, ...]
    authors: tuple[str, ...]
    """Who may not approve the next step."""
    breakers: tuple[Latch, ...]
    handovers: tuple[Handover, ...]
    roster: tuple[KeeperView, ...]
    sites: tuple[SiteView, ...]
    resting: tuple[Rest, ...]
    """The cameras whose authority rests now for lack of sight."""
    history: tuple[Entry, ...]


def overview(session: Session, road: Road, now: float, *, events: int = 30, fresh: bool = False) -> RoadView:
    """Read all of it; changes nothing.

    Evidence is that of the last look that was written down, and what the road knows of itself is of now. ``fresh``, or
    where nobody has looked yet: work all of it out, which takes as long as a look does. What decides about going on is
    always a look of its own.
    """
    state = as_accounts_stand(session, load(session))
    here = min(state.stage, len(road.stages) - 1)
    found = look(session, road, state, now) if fresh else seen(session, road, state, now)
    people = able(session, road)
    asked = c.Widen(by=Person("nobody", ()), gates=found.gates, able=people)
    plans = plan(road, state, found, now, _cameras(session))
    return RoadView(
        road=road,
        state=state,
        at=now,
        phase=state.phase,
        epoch=state.epoch,
        here=here,
        next=next_stage(road, state) if len(road.stages) > 1 else None,
        stages=_stages(road, here, plans),
        clock=_clock(session, road, state, found, now),
        looked=LookedView(found.at, max(0.0, now - found.at), stored=found.at != now),
        gates=_gates(found, plans[here], courses(session, found)),
        hurdles=tuple(hurdles(road, state, asked, now)),
        approvals=_approvals(road, state, now),
        authors=tuple(sorted(authors(road, state, Step.WIDEN))),
        breakers=state.latches,
        handovers=state.handovers,
        roster=tuple(KeeperView(k.key, k.user, len(k.contacts), k.user in people) for k in road.roster),
        sites=_sites(session, road, now),
        resting=resting(session, now),
        history=tuple(history(session, events)),
    )


def _stages(road: Road, here: int, plans: tuple[StagePlan, ...]) -> tuple[StageView, ...]:
    def progress(index: int) -> Progress:
        if index == here:
            return Progress.HERE
        return Progress.DONE if index < here else Progress.NEXT if index == here + 1 else Progress.AHEAD

    return tuple(
        StageView(
            index=index,
            name=stage.name,
            mode=stage.mode,
            places=tuple(place_lines(stage.places)),
            duration=plans[index].duration,
            progress=progress(index),
            plan=plans[index],
        )
        for index, stage in enumerate(road.stages)
    )


def _clock(session: Session, road: Road, state: State, found: Look, now: float) -> Clock:
    opens = look_opens(road, state)
    until = [at for site, at in expiries(session).items() if site in campsites_of(state.granted)]
    return Clock(
        since=found.since,
        look_at=opens,
        may_look=now >= opens,
        deadline_at=state.deadline_at,
        left_s=None if state.deadline_at is None else max(0.0, state.deadline_at - now),
        timezone=state.timezone or road.timezone,
        lease_until=min(until, default=None),
    )


def _gates(found: Look, here: StagePlan, earlier: Mapping[str, tuple[Point, ...]]) -> tuple[GateView, ...]:
    return tuple(
        GateView(
            result=result,
            summary=METRICS[gate.metric].summary,
            measured=found.measured.get(gate.window, {}).get(gate.metric),
            demand=demand,
            course=earlier.get(result.gate, ()),
        )
        for gate, result, demand in zip(found.stage.gates, found.gates, here.demands, strict=True)
    )


def _approvals(road: Road, state: State, now: float) -> tuple[ApprovalView, ...]:
    found = []
    for approval in state.approvals:
        rule = road.approvals.resume if approval.step is Step.RESET else road.approvals.widen
        counted = counting(road, state, approval.step, rule, now, approval.latch)
        found.append(
            ApprovalView(
                by=approval.by,
                roles=slots(approval.roles, rule.roles),
                step=approval.step,
                latch=approval.latch,
                at=approval.at,
                lapses_at=approval.at + rule.valid_for.nominal_s,
                counts=approval in counted,
                void=approval.void,
                note=approval.note,
            )
        )
    return tuple(found)


def _sites(session: Session, road: Road, now: float) -> tuple[SiteView, ...]:
    names = campsites_of(road.stages[0].places)
    leases = {name: session.get(AuthorityLease, name, populate_existing=True) for name in names}
    return tuple(SiteView(name, effective_mode(lease, now), advises(lease)) for name, lease in leases.items())


def _cameras(session: Session) -> dict[str, int]:
    rows = session.execute(
        select(Camera.campsite_id, func.count()).where(Camera.enabled, Camera.configured).group_by(Camera.campsite_id)
    )
    return {row[0]: row[1] for row in rows}
