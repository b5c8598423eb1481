"""The table of the rollout: from each state, what each command leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from db.models import Mode
from rollout.base.durations import Duration
from rollout.base.scopes import Place
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Effect, Person, Refused, Step
from rollout.stages.decide import decide
from rollout.stages.events import Event, kind_of
from rollout.stages.gates import GateOutcome
from rollout.stages.spec_file import plan_from
from rollout.stages.state import Phase, grants
from tests.support.rollout.rollout_plans import (
    AUDITOR,
    CHIEF,
    DAY_S,
    DIGEST,
    LEAD,
    OPERATOR,
    OWNER,
    RANGER,
    Walk,
    default_plan,
    gate_results,
    settings,
)


def kinds(events: list[Event]) -> list[str]:
    """Names of events."""
    return [kind_of(event) for event in events]


@pytest.fixture
def walk() -> Walk:
    """A plan at its beginning, at the moment when its evidence may be analysed."""
    there = Walk()
    there.now += 15 * DAY_S
    return there


@pytest.fixture
def live() -> Walk:
    """The first live stage."""
    there = Walk()
    there.reach(1)
    return there


def test_all_gates_and_two_people_lead_to_one_campsite_for_one_day(walk: Walk) -> None:
    walk.agree()
    (started,) = walk.ask()
    assert isinstance(started, e.StageStarted)
    assert (started.name, started.mode, started.places) == (
        "one-campsite-one-day", Mode.ASSISTED, (Place("upper-pines"),),
    )  # fmt: skip
    assert started.deadline_at == walk.now + DAY_S
    assert started.approved_by == ("lena", "omar")
    assert walk.state.phase is Phase.ASSISTED


def test_a_gate_that_nobody_can_decide_holds_and_clears_the_approvals(walk: Walk) -> None:
    walk.agree()
    assert kinds(walk.ask(GateOutcome.INCONCLUSIVE)) == ["widen_held", "approvals_cleared"]
    assert walk.state.approvals == ()
    assert kinds(walk.ask()) == ["widen_held"], "passing gates alone are not enough"


def test_a_gate_that_fails_holds_and_its_approvals_wait_for_no_luckier_analysis(walk: Walk) -> None:
    walk.agree()
    assert kinds(walk.ask(GateOutcome.FAILED)) == ["widen_held", "approvals_cleared"]
    assert walk.state.approvals == ()
    assert kinds(walk.ask()) == ["widen_held"]
    walk.agree()
    assert kinds(walk.ask()) == ["stage_started"]


def test_a_gate_without_an_analysis_never_passes(walk: Walk) -> None:
    walk.agree()
    gates = gate_results(walk.plan, walk.state)[1:]
    assert kinds(walk.give(c.Promote(by=OPERATOR, gates=gates, able=("rosa",)))) == ["widen_held", "approvals_cleared"]


@pytest.mark.parametrize(
    ("people", "missing"),
    [
        ((), "so far: nobody"),
        ((LEAD,), "so far: lena (lead_ranger)"),
        ((LEAD, CHIEF), "distinct roles"),
        ((LEAD, LEAD), "so far: lena (lead_ranger)"),
    ],
)
def test_one_person_or_one_role_is_not_enough(walk: Walk, people: tuple[Person, ...], missing: str) -> None:
    for by in people:
        walk.give(c.Approve(by=by))
    (held,) = walk.ask()
    assert isinstance(held, e.PromotionHeld)
    assert missing in held.why[0]


def test_who_has_both_roles_still_needs_another_person(walk: Walk) -> None:
    both = Person("both", ("lead_ranger", "model_owner"))
    walk.give(c.Approve(by=both))
    assert kinds(walk.ask()) == ["widen_held"]
    walk.give(c.Approve(by=LEAD))
    assert kinds(walk.ask()) == ["stage_started"]


def test_an_approval_of_yesterday_has_expired(walk: Walk) -> None:
    walk.agree()
    walk.now += DAY_S + 1
    assert kinds(walk.ask()) == ["widen_held"]


def test_who_asked_for_the_step_may_not_approve_it(walk: Walk) -> None:
    walk.ask(by=LEAD)
    with pytest.raises(Refused, match="two others must approve"):
        walk.give(c.Approve(by=LEAD))


def test_who_wrote_the_plan_may_not_approve_it() -> None:
    walk = Walk(plan_from(settings(metadata={"author": "omar"})))
    with pytest.raises(Refused, match="omar wrote this rollout plan"):
        walk.give(c.Approve(by=OWNER))


def test_who_has_no_role_that_counts_may_not_approve(walk: Walk) -> None:
    with pytest.raises(Refused, match="adam has none of the roles"):
        walk.give(c.Approve(by=AUDITOR))


def test_evidence_is_not_analysed_early() -> None:
    walk = Walk()
    walk.agree()
    (held,) = walk.ask()
    assert isinstance(held, e.PromotionHeld)
    assert "analysing early promotes weak models" in held.why[0]


def test_nothing_goes_live_with_nobody_on_call() -> None:
    walk = Walk(plan_from(settings(on_call={})))
    walk.now += 15 * DAY_S
    walk.agree()
    (held,) = walk.ask()
    assert isinstance(held, e.PromotionHeld)
    assert held.why == ("nobody is named who takes over the watch; write `on_call`",)


def test_people_on_call_without_accounts_do_not_count(walk: Walk) -> None:
    walk.agree()
    gates = gate_results(walk.plan, walk.state)
    (held,) = walk.give(c.Promote(by=OPERATOR, gates=gates, able=("somebody-else",)))
    assert isinstance(held, e.PromotionHeld)
    assert "rosa, chin" in held.why[0]


def test_another_model_than_the_pinned_one_is_not_promoted() -> None:
    walk = Walk(plan_from(settings(model={"digest": "sha256:" + "cd" * 32})))
    walk.now += 15 * DAY_S
    walk.agree()
    (held,) = walk.ask()
    assert isinstance(held, e.PromotionHeld)
    assert "the rollout plan is made for" in held.why[0]


def test_the_last_stage_starts_anew_instead_of_ending_the_plan() -> None:
    walk = Walk()
    walk.reach(4)
    assert walk.state.phase is Phase.AUTOMATIC
    run, walk.now = walk.state.run, (walk.state.deadline_at or 0) - 60
    walk.agree()
    walk.ask()
    assert (walk.state.stage, walk.state.run) == (4, run + 1)


def test_each_warning_comes_once(live: Walk) -> None:
    found = live.pass_time(23.9 * 3600, ticks=500)
    assert [event.before_s for event in found if isinstance(event, e.DeadlineNear)] == [(14400.0,), (3600.0,)]


def test_warnings_that_were_missed_together_come_as_one(live: Walk) -> None:
    (near,) = live.pass_time(23.5 * 3600)
    assert isinstance(near, e.DeadlineNear)
    assert near.before_s == (3600.0, 14400.0)


def test_a_stage_that_nobody_promoted_ends_in_a_handover_and_escalates_until_somebody_answers(live: Walk) -> None:
    assert kinds(live.pass_time(DAY_S)) == ["expired", "handover_began"]
    assert live.state.phase is Phase.HANDOVER
    asked = [event.to for event in live.pass_time(1500, ticks=300) if isinstance(event, e.Escalated)]
    assert asked == ["chin", "rosa", "chin", "rosa", "chin"]
    assert grants(live.state)["upper-pines"].advises
    live.give(c.WatchAck(by=RANGER))
    assert (live.state.phase, grants(live.state)) == (Phase.SHADOW, {})


def test_only_a_named_ranger_takes_over_the_watch(live: Walk) -> None:
    live.give(c.EmergencyStop(by=OPERATOR))
    with pytest.raises(Refused, match="only somebody on call"):
        live.give(c.WatchAck(by=LEAD))


def test_anybody_stops_it_and_it_stays_stopped(live: Walk) -> None:
    assert kinds(live.give(c.EmergencyStop(by=AUDITOR))) == ["killed", "breaker_opened", "handover_began"]
    live.give(c.WatchAck(by=RANGER))
    live.now += 15 * DAY_S
    live.agree()
    (held,) = live.ask()
    assert isinstance(held, e.PromotionHeld)
    assert "breaker kill is open" in held.why[0]


def test_a_stop_in_shadow_stays_in_shadow_and_is_latched(walk: Walk) -> None:
    assert kinds(walk.give(c.EmergencyStop(by=AUDITOR))) == ["killed", "breaker_opened"]
    assert (walk.state.phase, [latch.id for latch in walk.state.latches]) == (Phase.SHADOW, ["kill"])


def test_a_stop_at_one_campsite_leaves_the_others() -> None:
    walk = Walk()
    walk.reach(2)
    walk.give(c.EmergencyStop(by=AUDITOR, campsites=("lower-pines",)))
    assert walk.state.granted == (Place("upper-pines"),)
    assert walk.state.phase is Phase.ASSISTED
    assert [latch.id for latch in walk.state.latches] == ["kill@site:lower-pines"]


def test_a_breaker_trips_once_and_two_people_with_a_cause_close_it(live: Walk) -> None:
    trip = c.BreakerTripped(breaker="latency", unit="region:sierra", reason="p99 is 40 s")
    assert kinds(live.give(trip)) == ["breaker_opened", "handover_began"]
    assert live.give(trip) == []
    name = "latency@region:sierra"
    with pytest.raises(Refused, match="take over the watch first"):
        live.give(c.BreakerReset(by=LEAD, latch=name, cause="a switch was broken"))
    live.give(c.WatchAck(by=RANGER))
    with pytest.raises(Refused, match="write what the cause was"):
        live.give(c.BreakerReset(by=LEAD, latch=name, cause="ok"))
    assert kinds(live.give(c.BreakerReset(by=LEAD, latch=name, cause="a switch was broken"))) == ["approved"]
    assert kinds(live.give(c.BreakerReset(by=LEAD, latch=name, cause="a switch was broken"))) == ["approved"]
    closed = live.give(c.BreakerReset(by=OWNER, latch=name, cause="seen in the log of the switch"))
    assert kinds(closed) == ["approved", "breaker_closed"]
    assert live.state.latches == ()


def test_weaker_breakers_hold_or_ask_for_review_and_take_nothing_else() -> None:
    walk = Walk()
    walk.reach(4)
    walk.give(c.BreakerTripped(breaker="loop", unit="", reason="e 120", effect=Effect.HOLD))
    assert walk.state.phase is Phase.AUTOMATIC
    burst = c.BreakerTripped(
        breaker="burst", unit="camera:upper-creek", reason="7 in an hour", effect=Effect.REVIEW,
        campsites=("upper-pines",), cameras=("upper-creek",),
    )  # fmt: skip
    walk.give(burst)
    assert grants(walk.state)["upper-pines"].reviewed == ("upper-creek",)
    walk.give(replace(burst, effect=Effect.HANDOVER, reason="20 in an hour"))
    assert walk.state.withdrawn == ("upper-creek",)
    assert walk.state.phase is Phase.AUTOMATIC


def test_a_camera_comes_back_when_its_breaker_is_closed(live: Walk) -> None:
    trip = c.BreakerTripped(
        breaker="camera_loss", unit="camera:upper-creek", reason="silent", campsites=("upper-pines",),
        cameras=("upper-creek",),
    )  # fmt: skip
    live.give(trip)
    assert grants(live.state)["upper-pines"].without == ("upper-creek",)
    live.give(c.WatchAck(by=RANGER))
    for by in (LEAD, OWNER):
        live.give(c.BreakerReset(by=by, latch="camera_loss@camera:upper-creek", cause="the cable was cut"))
    assert grants(live.state)["upper-pines"].without == ()


def test_another_model_ends_the_stage_and_its_evidence(live: Walk) -> None:
    assert kinds(live.give(c.ModelChanged("sha256:other"))) == ["model_replaced", "handover_began"]
    assert live.state.evidence_since == live.now
    assert live.give(c.ModelChanged("sha256:other")) == []


def test_a_lost_lease_hands_over_and_is_latched(live: Walk) -> None:
    lost = c.LeaseLost(seen_by="watchdog", expired_at=live.now)
    assert kinds(live.give(lost)) == ["lease_missed", "breaker_opened", "handover_began"]
    assert live.give(lost) == []


def test_going_back_to_an_earlier_stage_gives_no_time() -> None:
    walk = Walk()
    walk.reach(2)
    deadline = walk.state.deadline_at or 0
    walk.now = deadline - 3600
    walk.give(c.Demote(by=RANGER, to="one-campsite-one-day", reason="few people"))
    assert (walk.state.stage, walk.state.granted, walk.state.deadline_at) == (1, (Place("upper-pines"),), deadline)
    assert walk.state.handovers[0].places == (Place("lower-pines"),)


def test_going_back_without_a_stage_leads_to_shadow_and_latches_nothing() -> None:
    walk = Walk()
    walk.reach(2)
    walk.give(c.Demote(by=RANGER))
    assert (walk.state.phase, walk.state.latches) == (Phase.HANDOVER, ())


def test_an_extension_needs_two_people_and_comes_once(live: Walk) -> None:
    longer = c.Extend(by=OPERATOR, longer=Duration.parse("24h"), gates=gate_results(live.plan, live.state))
    with pytest.raises(Refused, match="must agree"):
        live.give(longer)
    live.agree(Step.EXTEND)
    deadline = live.state.deadline_at or 0
    live.give(longer)
    assert live.state.deadline_at == deadline + DAY_S
    live.agree(Step.EXTEND)
    with pytest.raises(Refused, match="and was"):
        live.give(longer)


@pytest.mark.parametrize("outcome", [GateOutcome.FAILED, GateOutcome.INCONCLUSIVE])
def test_an_extension_needs_green_gates(live: Walk, outcome: GateOutcome) -> None:
    live.agree(Step.EXTEND)
    with pytest.raises(Refused, match="gate inference_latency_p99_s"):
        live.give(
            c.Extend(by=OPERATOR, longer=Duration.parse("1h"), gates=gate_results(live.plan, live.state, outcome))
        )


def test_the_same_key_in_the_same_epoch_is_the_same_command(walk: Walk) -> None:
    walk.give(c.Approve(by=LEAD, key="k", epoch=walk.state.epoch))
    assert walk.give(c.Approve(by=LEAD, key="k", epoch=walk.state.epoch)) == []
    epoch = walk.state.epoch
    walk.ask(GateOutcome.INCONCLUSIVE)
    assert walk.give(c.Approve(by=LEAD, key="k", epoch=epoch)) == []
    assert kinds(walk.give(c.Approve(by=LEAD, key="k", epoch=walk.state.epoch))) == ["approved"], "approved anew"


def test_a_wish_to_go_on_that_comes_twice_is_obeyed_once(walk: Walk) -> None:
    walk.agree()
    epoch = walk.state.epoch
    assert kinds(walk.ask(key="go", epoch=epoch)) == ["stage_started"]
    assert walk.ask(key="go", epoch=epoch) == []
    with pytest.raises(Refused, match="the rollout has moved on"):
        walk.ask(key="another", epoch=epoch)


def test_a_changed_road_clears_approvals_and_keeps_a_stage_that_it_still_has(live: Walk) -> None:
    live.agree()
    live.plan = plan_from(settings(metadata={"name": "renamed"}))
    assert kinds(live.give(c.PlanChanged())) == ["road_read", "approvals_cleared"]
    assert (live.state.phase, live.state.approvals) == (Phase.ASSISTED, ())


def test_a_changed_road_without_the_running_stage_hands_over(live: Walk) -> None:
    stages = [replace(stage, name=f"other-{stage.name}") for stage in live.plan.stages]
    live.plan = replace(live.plan, stages=tuple(stages), digest="another")
    assert kinds(live.give(c.PlanChanged())) == ["road_read", "approvals_cleared", "handover_began"]


def test_a_plan_that_the_controller_has_not_read_is_not_walked(walk: Walk) -> None:
    walk.agree()
    walk.plan = replace(walk.plan, digest="edited a moment ago")
    (held,) = walk.ask()
    assert isinstance(held, e.PromotionHeld)
    assert "the controller has not read it yet" in held.why[0]


def test_a_mode_that_differs_from_what_was_granted_ends_everything(live: Walk) -> None:
    read = c.ModeRead(expected=(("upper-pines", "assisted"),), found=(("upper-pines", "automatic"),))
    assert kinds(live.give(read)) == ["mode_differs", "breaker_opened", "handover_began"]
    assert "upper-pines: automatic, not assisted" in live.state.latches[0].reason


def test_deciding_changes_nothing(live: Walk) -> None:
    before = live.state
    decide(default_plan(), live.state, c.EmergencyStop(by=AUDITOR), live.now)
    assert live.state is before
    assert before.model == DIGEST
