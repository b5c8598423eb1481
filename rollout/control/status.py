"""Everything that the page, the API and ``bearwatch rollout status`` tell of the rollout, in one read and one document:
where we are, the clock, each gate with its evidence and what is missing, who agrees, what is open, who is called.

:func:`overview` knows everything. What one reader may know of it is :func:`rollout.control.status_redaction.redact`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import civil
from db.models import AuthorityLease, Camera, Role
from rollout.authority.authority import advises, effective_mode
from rollout.authority.freshness import paused_cameras
from rollout.authority.leases import expiries
from rollout.base.scopes import campsites_of
from rollout.control.analysis import AnalysisRun, run_analysis
from rollout.control.analysis_store import courses, current_analysis
from rollout.control.forecast import Demand, StageForecast, forecast
from rollout.control.gate_status import GateView
from rollout.control.open_status import BreakerView, HandoverView, open_breakers, open_handovers
from rollout.control.people_status import ApprovalView, OnCallView, approvals_of, may_approve, on_call_of
from rollout.control.reader import Names, PlacesView, Values
from rollout.control.service import able
from rollout.control.status_words import in_words
from rollout.stages import commands as c
from rollout.stages.account_checks import as_accounts_stand
from rollout.stages.approvals import authors, still_needed
from rollout.stages.commands import Person, Step
from rollout.stages.event_store import load
from rollout.stages.plan import RolloutPlan
from rollout.stages.promotion import Blocker, analysis_opens_at, blockers, next_stage
from rollout.stages.state import State

LATE_S: Final = 7200.0
"""An analysis older than this is late: the controller runs one each hour."""


class StageProgress(StrEnum):
    """Where a stage lies, seen from here."""

    DONE = "done"
    HERE = "here"
    NEXT = "next"
    AHEAD = "ahead"


class StageView(Values):
    """A stage of the rollout plan, with what it takes to leave it."""

    number: int = Field(description="from 1")
    name: str
    mode: str
    places: PlacesView
    duration: str
    progress: StageProgress
    shortest_days: float
    days: float | None = Field(description="leaving it takes at least so many days at the rates so far")
    demands: tuple[Demand, ...]


class ClockView(Values):
    """The present stage's times, seconds since 1970."""

    since: float
    analysis_opens_at: float = Field(description="before this moment the gates are not analysed")
    analysis_open: bool
    deadline_at: float | None = Field(description="null in shadow, which does not end by itself")
    left_s: float | None
    share: float | None = Field(description="how much of its time is over, from 0 to 1")
    timezone: str
    lease_until: float | None = Field(description="when authority dies unless it is renewed; null when there is none")


class LastAnalysisView(Values):
    """When evidence was worked out. Breakers, drills, test clips and watches are of now."""

    at: float
    age_s: float
    stored: bool = Field(description="by an earlier analysis; else for this answer")
    late: bool = Field(description="no analysis for two hours: the controller runs one each hour")


class SiteView(Values):
    """What holds at a campsite now, for all of its cameras or some."""

    campsite: str
    name: str
    mode: str
    advising: bool


class PausedView(Values):
    """A camera on whose account nobody is warned now: its pictures do not reach the model."""

    camera: str
    name: str
    campsite: str
    campsite_name: str
    since: float = Field(description="warnings are paused since this moment")
    why: str


class BlockerView(Values):
    """Something in the way."""

    kind: str
    text: str


class RolloutStatus(Values):
    """The whole rollout at one moment."""

    name: str
    digest: str = Field(description="of the configuration that it was read from")
    is_default: bool
    at: float
    phase: str
    epoch: int = Field(description="give it back with a command: it says what you had before your eyes")
    run: int
    here: int = Field(description="number of the present stage, from 1")
    next: str | None
    model: str | None
    granted: PlacesView
    withdrawn_cameras: tuple[str, ...] = Field(description="lost authority while their campsites kept it")
    stages: tuple[StageView, ...]
    clock: ClockView
    last_analysis: LastAnalysisView
    blind_to: tuple[str, ...] = Field(
        default=(), description="names of campsites whose numbers are hidden from you now"
    )
    gates: tuple[GateView, ...]
    blockers: tuple[BlockerView, ...] = Field(description="what keeps the rollout from going on")
    approvals: tuple[ApprovalView, ...]
    approvals_needed: str
    may_approve: tuple[str, ...]
    may_not_approve: tuple[str, ...] = Field(description="who wrote this rollout plan or asked for the step")
    breakers: tuple[BreakerView, ...]
    handovers: tuple[HandoverView, ...]
    on_call: tuple[OnCallView, ...]
    campsites: tuple[SiteView, ...]
    paused: tuple[PausedView, ...] = Field(
        description="cameras of yours whose warnings are paused, since their pictures do not arrive"
    )
    problem: str | None = Field(description="what is wrong with the configuration, if anything")

    @property
    def stage(self) -> StageView:
        """The present stage."""
        return self.stages[self.here - 1]


@dataclass(frozen=True, slots=True)
class ConfiguredSite:
    """What the database does not know of the site."""

    names: Names = field(default_factory=Names)
    watch_roles: frozenset[Role] = frozenset(Role)
    """Whoever can take over a watch."""
    problem: str | None = None
    """What is wrong with the configuration's files."""


def overview(
    session: Session, plan: RolloutPlan, now: float, site: ConfiguredSite = ConfiguredSite(), *, fresh: bool = False
) -> RolloutStatus:
    """Read all of it; changes nothing.

    Evidence is that of the last stored analysis, and what the rollout knows of itself is of now. ``fresh``, or
    where there is none yet: work all of it out, which takes as long as an analysis does. What decides about going on
    is always an analysis of its own.
    """
    state = as_accounts_stand(session, load(session))
    here = min(state.stage, len(plan.stages) - 1)
    found = run_analysis(session, plan, state, now) if fresh else current_analysis(session, plan, state, now)
    people = able(session, plan)
    forecasts = forecast(plan, state, found, now, _cameras(session))
    gates, clock = _gates(session, found, forecasts[here]), _clock(session, plan, state, found, now)
    asked = c.Promote(by=Person("nobody", ()), gates=found.gates, able=people)
    age_s, names = max(0.0, now - found.at), site.names
    return RolloutStatus(
        name=plan.name,
        digest=plan.digest,
        is_default=plan.is_default,
        at=now,
        phase=state.phase.value,
        epoch=state.epoch,
        run=state.run,
        here=here + 1,
        next=plan.stages[next_stage(plan, state)].name if len(plan.stages) > 1 else None,
        model=state.model,
        granted=names.places(state.granted),
        withdrawn_cameras=state.withdrawn,
        stages=_stages(plan, here, forecasts, names),
        clock=clock,
        last_analysis=LastAnalysisView(at=found.at, age_s=age_s, stored=found.at != now, late=age_s > LATE_S),
        gates=gates,
        blockers=(*_blockers(blockers(plan, state, asked, now), clock), *in_the_way(gates)),
        approvals=approvals_of(plan, state, now),
        approvals_needed=in_words(still_needed(plan, state, Step.PROMOTE, plan.approvals.promote, now) or ""),
        may_approve=may_approve(session, plan, state, now),
        may_not_approve=tuple(sorted(authors(plan, state, Step.PROMOTE))),
        breakers=open_breakers(session, plan, state, names, now),
        handovers=open_handovers(plan, state.handovers, names),
        on_call=on_call_of(session, plan, people, site.watch_roles),
        campsites=_sites(session, plan, names, now),
        paused=_paused(session, names, now),
        problem=site.problem,
    )


def _stages(plan: RolloutPlan, here: int, forecasts: Sequence[StageForecast], names: Names) -> tuple[StageView, ...]:
    def progress(index: int) -> StageProgress:
        if index == here:
            return StageProgress.HERE
        return StageProgress.DONE if index < here else StageProgress.NEXT if index == here + 1 else StageProgress.AHEAD

    return tuple(
        StageView(
            number=index + 1,
            name=stage.name,
            mode=stage.mode.value,
            places=names.places(stage.places),
            duration=each.duration,
            progress=progress(index),
            shortest_days=each.shortest_days,
            days=each.days,
            demands=each.demands,
        )
        for index, (stage, each) in enumerate(zip(plan.stages, forecasts, strict=True))
    )


def _clock(session: Session, plan: RolloutPlan, state: State, found: AnalysisRun, now: float) -> ClockView:
    opens = analysis_opens_at(plan, state)
    until = [at for site, at in expiries(session).items() if site in campsites_of(state.granted)]
    deadline_at = state.deadline_at
    left_s = None if deadline_at is None else max(0.0, deadline_at - now)
    share = None
    if deadline_at is not None and left_s is not None and deadline_at > found.since:
        share = min(1.0, max(0.0, 1 - left_s / (deadline_at - found.since)))
    return ClockView(
        since=found.since,
        analysis_opens_at=opens,
        analysis_open=now >= opens,
        deadline_at=deadline_at,
        left_s=left_s,
        share=share,
        timezone=state.timezone or plan.timezone,
        lease_until=min(until, default=None),
    )


def _gates(session: Session, found: AnalysisRun, here: StageForecast) -> tuple[GateView, ...]:
    earlier = courses(session, found)
    return tuple(
        GateView.of(
            gate, result, demand, found.measured.get(gate.window, {}).get(gate.metric), earlier.get(result.gate, ())
        )
        for gate, result, demand in zip(found.stage.gates, found.gates, here.demands, strict=True)
    )


def _blockers(found: Collection[Blocker], clock: ClockView) -> list[BlockerView]:
    """What is in the way, but for gates; those are counted by :func:`in_the_way`. Breakers are counted as well."""
    listed = []
    for blocker in found:
        text = blocker.text
        if blocker.kind in ("gate_missing", "gate_failed", "breaker"):
            continue
        if blocker.kind == "early":
            text = (
                f"the gates are analysed from {civil(clock.analysis_opens_at, clock.timezone):%a %-d %b, %H:%M %Z} on"
            )
        elif blocker.kind == "approvals":
            text = in_words(text)
        listed.append(BlockerView(kind=blocker.kind, text=f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."))
    if number := sum(blocker.kind == "breaker" for blocker in found):
        text = "A breaker is open." if number == 1 else f"{number} breakers are open."
        listed.append(BlockerView(kind="breaker", text=text))
    return listed


def in_the_way(gates: Sequence[GateView]) -> list[BlockerView]:
    """How many gates do not pass, by what is wrong; their kinds begin with ``gates_``."""
    listed = []
    for outcome, one, many in (
        ("failed", "fails", "fail"),
        ("inconclusive", "cannot be decided yet", "cannot be decided yet"),
        ("hidden", "is hidden", "are hidden"),
    ):
        binding = [gate for gate in gates if not gate.dry_run]
        number = sum(gate.shown == outcome for gate in binding)
        if number:
            text = f"{number} of {len(binding)} gates {one if number == 1 else many}."
            listed.append(BlockerView(kind=f"gates_{outcome}", text=text))
    return listed


def _sites(session: Session, plan: RolloutPlan, names: Names, now: float) -> tuple[SiteView, ...]:
    found = []
    for campsite in campsites_of(plan.stages[0].places):
        lease = session.get(AuthorityLease, campsite, populate_existing=True)
        mode = effective_mode(lease, now).value
        found.append(SiteView(campsite=campsite, name=names.campsite(campsite), mode=mode, advising=advises(lease)))
    return tuple(found)


def _paused(session: Session, names: Names, now: float) -> tuple[PausedView, ...]:
    return tuple(
        PausedView(
            camera=each.camera,
            name=names.camera(each.camera),
            campsite=each.campsite,
            campsite_name=names.campsite(each.campsite),
            since=each.since,
            why=each.why,
        )
        for each in paused_cameras(session, now)
    )


def _cameras(session: Session) -> dict[str, int]:
    rows = session.execute(
        select(Camera.campsite_id, func.count()).where(Camera.enabled, Camera.configured).group_by(Camera.campsite_id)
    )
    return {row[0]: row[1] for row in rows}
