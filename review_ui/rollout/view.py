"""The rollout page's values: where we are, the clock, the gates, who agrees, what is open. The API gives the same.

Two things are held back. Of campsites that are not the reader's, nothing is said but how many there are. And whoever
watches blind learns no number that moves with what the model sees: a count that has gone up since the last look is as
good as an alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.charts.svg import Svg
from core.clock import civil
from db.models import Role, User
from review_ui.auth.rights import Right, may
from review_ui.rendering.rollout_charts import Stop, trail
from review_ui.rendering.rollout_wording import OPEN_METRICS, ROLES, in_words
from review_ui.rollout.breaker_view import BreakerOut, breakers
from review_ui.rollout.gate_view import GateOut
from review_ui.web.handovers import HandoverOut, handovers
from review_ui.web.viewer_scope import PlacesOut, Reader, Values
from rollout.authority.freshness import Rest
from rollout.base.scopes import campsites_of
from rollout.control.status import RoadView
from rollout.stages.approvals import authors, slots, still_needed
from rollout.stages.commands import Step

LATE_S: Final = 7200.0
"""A look older than this is late: the controller looks each hour."""
WHY_HIDDEN: Final = (
    "You are on watch and see nothing of what the model says. Numbers that move with it are hidden from you here too, "
    "until your watch ends: a count that goes up is as good as an alert."
)


class StageOut(Values):
    """A stage of the road."""

    number: int
    name: str
    mode: str
    places: PlacesOut
    duration: str
    progress: str = Field(description="done, here, next, ahead")
    days: float | None = Field(description="leaving it takes at least so many days at the rates so far")


class ClockOut(Values):
    """The present stage's times, seconds since 1970."""

    since: float
    look_at: float = Field(description="before this moment the gates are not looked at")
    may_look: bool
    deadline_at: float | None = Field(description="null in shadow, which does not end by itself")
    left_s: float | None
    share: float | None = Field(description="how much of its time is over, from 0 to 1")
    timezone: str
    lease_until: float | None


class LookedOut(Values):
    """When evidence was last worked out. Breakers, drills, planted clips and watches are of now."""

    at: float
    age_s: float
    late: bool = Field(description="nobody has looked for two hours: the controller should, each hour")


class ApprovalOut(Values):
    """Somebody's agreement."""

    by: str
    roles: list[str]
    step: str
    breaker: str | None
    at: float
    lapses_at: float
    counts: bool
    void: str = Field(description="why it does not count, as the account stands now; empty when it stands")
    note: str


class KeeperOut(Values):
    """Somebody of the roster, in the order of paging."""

    user: str
    addresses: int
    able: bool
    why: str


class SiteOut(Values):
    """What holds at a campsite."""

    campsite: str
    name: str
    mode: str
    advising: bool


class RestOut(Values):
    """A camera on whose account nobody is warned now: its pictures do not reach the model."""

    camera: str
    name: str
    campsite: str
    campsite_name: str
    since: float = Field(description="authority rests since this moment")
    why: str


class HurdleOut(Values):
    """Something in the way."""

    kind: str
    text: str


class RoadOut(Values):
    """The whole road at one moment."""

    name: str
    shipped: bool
    at: float
    phase: str
    epoch: int = Field(description="give it back with a command: it says what you had before your eyes")
    here: int = Field(description="number of the present stage, from 1")
    next: str | None
    model: str | None
    granted: PlacesOut
    stages: list[StageOut]
    clock: ClockOut
    looked: LookedOut
    blind_to: list[str] = Field(description="names of campsites whose numbers are hidden from you now")
    gates: list[GateOut]
    missing: list[HurdleOut] = Field(description="what keeps the road from going on")
    approvals: list[ApprovalOut]
    approvals_needed: str
    may_approve: list[str]
    may_not_approve: list[str]
    breakers: list[BreakerOut]
    handovers: list[HandoverOut]
    roster: list[KeeperOut]
    campsites: list[SiteOut]
    resting: list[RestOut] = Field(description="cameras of yours whose authority rests for lack of sight")
    problem: str | None = Field(description="what is wrong with the configuration, if anything")

    @property
    def stage(self) -> StageOut:
        """The present stage."""
        return self.stages[self.here - 1]

    @property
    def picture(self) -> Svg:
        """The trail."""
        stops = [
            Stop(
                s.number, s.mode, len(s.places.campsites) + s.places.others, s.progress == "done", s.number == self.here
            )
            for s in self.stages
        ]
        words = f"The road has {len(stops)} stages. We are at stage {self.here}, {self.stage.name}, {self.phase}."
        return trail(words, stops, self.clock.share)


def road_out(session: Session, reader: Reader, view: RoadView) -> RoadOut:
    """The overview as this reader may know it."""
    stage = view.road.stages[view.here]
    around = campsites_of(stage.places)
    blind = reader.is_blind(around)
    rule = view.road.approvals.widen
    gates = [
        GateOut.of(each, gate, blind and gate.metric not in OPEN_METRICS, view.clock.timezone)
        for each, gate in zip(view.gates, stage.gates, strict=True)
    ]
    return RoadOut(
        name=view.road.name,
        shipped=view.road.shipped,
        at=view.at,
        phase=view.phase.value,
        epoch=view.epoch,
        here=view.here + 1,
        next=None if view.next is None else view.road.stages[view.next].name,
        model=view.state.model,
        granted=reader.places(campsites_of(view.state.granted)),
        stages=[_stage(reader, view, index, blind) for index in range(len(view.stages))],
        clock=_clock(view),
        looked=LookedOut(at=view.looked.at, age_s=view.looked.age_s, late=view.looked.age_s > LATE_S),
        blind_to=sorted(reader.name(each) for each in reader.blind),
        gates=gates,
        missing=_hurdles(reader, view, gates),
        approvals=_approvals(reader, view),
        approvals_needed=in_words(still_needed(view.road, view.state, Step.WIDEN, rule, view.at) or ""),
        may_approve=_able(session, view),
        may_not_approve=list(view.authors),
        breakers=breakers(session, reader, view),
        handovers=handovers(reader, view.state.handovers),
        roster=_roster(session, view),
        campsites=[
            SiteOut(campsite=s.campsite, name=reader.name(s.campsite), mode=s.mode.value, advising=s.advising)
            for s in view.sites
            if reader.account.covers(s.campsite)
        ],
        resting=[_rest(reader, each) for each in view.resting if reader.account.covers(each.campsite)],
        problem=_problem(reader),
    )


def _rest(reader: Reader, rest: Rest) -> RestOut:
    """Shown to blind watchers as well: it says nothing of what the model sees, and their eyes are what is left."""
    return RestOut(
        camera=rest.camera,
        name=reader.camera(rest.camera),
        campsite=rest.campsite,
        campsite_name=reader.name(rest.campsite),
        since=rest.since,
        why=rest.why,
    )


def _stage(reader: Reader, view: RoadView, index: int, blind: bool) -> StageOut:
    each = view.stages[index]
    return StageOut(
        number=index + 1,
        name=each.name,
        mode=each.mode.value,
        places=reader.places(campsites_of(view.road.stages[index].places)),
        duration=each.duration,
        progress=each.progress.value,
        days=None if blind else each.plan.days,
    )


def _clock(view: RoadView) -> ClockOut:
    clock = view.clock
    share = None
    if clock.deadline_at is not None and clock.left_s is not None and clock.deadline_at > clock.since:
        share = min(1.0, max(0.0, 1 - clock.left_s / (clock.deadline_at - clock.since)))
    return ClockOut(
        since=clock.since,
        look_at=clock.look_at,
        may_look=clock.may_look,
        deadline_at=clock.deadline_at,
        left_s=clock.left_s,
        share=share,
        timezone=clock.timezone,
        lease_until=clock.lease_until,
    )


def _hurdles(reader: Reader, view: RoadView, gates: list[GateOut]) -> list[HurdleOut]:
    """What is in the way. Gates are counted only, since they stand below; breakers are named as they may be."""
    found = []
    for hurdle in view.hurdles:
        if hurdle.kind in ("gate_missing", "gate_failed"):
            continue
        text = hurdle.text
        if hurdle.kind == "early":
            text = f"The gates are looked at from {moment(view.clock.look_at, view.clock.timezone)} on."
        elif hurdle.kind == "breaker":
            continue
        elif hurdle.kind == "approvals":
            text = in_words(text)
        found.append(HurdleOut(kind=hurdle.kind, text=_sentence(text)))
    if view.breakers:
        number = len(view.breakers)
        text = "A breaker is open." if number == 1 else f"{number} breakers are open."
        found.append(HurdleOut(kind="breaker", text=text))
    for outcome, words in (("failed", "fail"), ("inconclusive", "cannot be decided yet"), ("hidden", "are hidden")):
        number = sum(gate.shown == outcome for gate in gates)
        if number:
            many = f"{number} of {len(gates)} gates {words}."
            one = many.replace("gates fail", "gates fails").replace("gates are", "gates is") if number == 1 else many
            found.append(HurdleOut(kind=f"gates_{outcome}", text=one))
    return found


def _approvals(reader: Reader, view: RoadView) -> list[ApprovalOut]:
    return [
        ApprovalOut(
            by=each.by,
            roles=[ROLES.get(role, role) for role in each.roles],
            step=each.step.value,
            breaker=each.latch if reader.account.campsites is None and not reader.blind else None,
            at=each.at,
            lapses_at=each.lapses_at,
            counts=each.counts,
            void=each.void,
            note=each.note if each.latch is None or not (reader.blind or reader.account.campsites) else "",
        )
        for each in view.approvals
    ]


def _able(session: Session, view: RoadView) -> list[str]:
    """Names of those who may approve and have not: each with the role that counts."""
    rule, barred = view.road.approvals.widen, authors(view.road, view.state, Step.WIDEN)
    given = {each.by for each in view.approvals if each.step is Step.WIDEN and each.counts}
    found = []
    for name, role in session.execute(select(User.name, User.role).where(User.active.is_(True)).order_by(User.name)):
        standing = slots((role,), rule.roles)
        if standing and name not in barred and name not in given:
            found.append(f"{name} ({ROLES.get(standing[0], standing[0])})")
    return found


def _roster(session: Session, view: RoadView) -> list[KeeperOut]:
    rows = session.execute(select(User.name, User.role).where(User.name.in_([k.user for k in view.roster]))).all()
    roles: Mapping[str, str] = {row[0]: row[1] for row in rows}
    return [
        KeeperOut(
            user=each.user, addresses=each.addresses, able=each.able, why=_unable(each.able, roles.get(each.user))
        )
        for each in view.roster
    ]


def _unable(able: bool, role: str | None) -> str:
    if not able:
        return "has no account that is switched on"
    if role is None or not may(Role(role), Right.WATCH):
        return "has a role that cannot take over a watch on this page"
    return ""


def _problem(reader: Reader) -> str | None:
    if reader.site.road.problem is None:
        return None
    if not reader.account.may(Right.OPERATE):
        return "The rollout's configuration has a mistake; the one before stays in force. Tell an operator."
    return reader.site.road.problem


def moment(at: float, timezone: str) -> str:
    """A moment as people at the campsite read it."""
    return f"{civil(at, timezone):%a %-d %b, %H:%M %Z}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
