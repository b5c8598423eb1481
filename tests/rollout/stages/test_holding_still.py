"""What keeps a rollout where it is without taking anything away: freezes, holds by people, and gates on trial."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Effect, Step
from rollout.stages.gates import GateOutcome
from rollout.stages.plan import RolloutPlan
from rollout.stages.promotion import Blocker, blockers
from rollout.stages.spec import Gate
from rollout.stages.spec_file import plan_from
from rollout.stages.time_rules import Freeze
from tests.support.rollout.rollout_plans import (
    DAY_S,
    LEAD,
    OPERATOR,
    OWNER,
    RANGER,
    ZONE,
    Walk,
    default_plan,
    gate_results,
    settings,
)

HOLIDAY = {"begins": "2027-07-02 12:00", "ends": "2027-07-05 12:00", "why": "the holiday weekend"}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp()


def _walk(**rollout: Any) -> Walk:
    return Walk(plan_from(settings(**rollout)))


def _in_the_way(walk: Walk, rerun_stage: bool = False) -> list[Blocker]:
    gates = gate_results(walk.plan, walk.state)
    asked = c.Promote(by=OPERATOR, gates=gates, able=("rosa",), rerun_stage=rerun_stage)
    return blockers(walk.plan, walk.state, asked, walk.now)


def test_nothing_is_promoted_over_a_holiday_and_everything_after_it() -> None:
    walk = _walk(freezes=[HOLIDAY])
    walk.now = _moment("2027-07-02 11:59")
    walk.agree()
    assert _in_the_way(walk) == []
    walk.now = _moment("2027-07-02 12:00")
    (blocker,) = _in_the_way(walk)
    assert (blocker.kind, blocker.text) == (
        "freeze", "promotions are frozen until Mon 5 Jul, 12:00: the holiday weekend",
    )  # fmt: skip
    assert isinstance(walk.ask()[0], e.PromotionHeld)
    walk.now = _moment("2027-07-05 12:00")
    walk.agree()
    assert isinstance(walk.ask()[0], e.StageStarted)


def test_what_is_live_goes_on_through_a_freeze_and_may_begin_anew() -> None:
    walk = _walk(freezes=[HOLIDAY])
    walk.now = _moment("2027-07-01 20:00")
    walk.reach(1)
    walk.now = max(_moment("2027-07-02 13:00"), walk.now)
    walk.give(c.Tick())
    assert walk.state.live
    assert "freeze" in [blocker.kind for blocker in _in_the_way(walk)]
    assert "freeze" not in [blocker.kind for blocker in _in_the_way(walk, rerun_stage=True)]


def test_a_freeze_that_is_written_into_a_live_plan_hands_nothing_over() -> None:
    walk = Walk()
    walk.reach(1)
    walk.plan = plan_from(settings(freezes=[HOLIDAY]))
    assert not any(isinstance(event, e.HandoverBegan) for event in walk.give(c.PlanChanged()))
    assert walk.state.live


def test_a_plan_that_says_nothing_of_freezes_and_trials_is_the_plan_that_it_was() -> None:
    plain, spelled = default_plan(), plan_from(settings(freezes=[]))
    assert (plain.digest, plain.terms) == (spelled.digest, spelled.terms)
    assert plan_from(settings(freezes=[HOLIDAY])).digest != plain.digest


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ends": "2027-07-01 12:00"}, "it ends before it begins"),
        ({"begins": "2027-07-02 12:00+02:00"}, "without a zone"),
        ({"why": ""}, "at least 3"),
    ],
)
def test_a_freeze_that_cannot_be_meant_is_refused(changes: dict[str, str], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Freeze.model_validate({**HOLIDAY, **changes})


def test_anybody_may_hold_the_rollout_and_nobody_loses_a_warning_by_it() -> None:
    walk = Walk()
    walk.reach(1)
    granted = walk.state.granted
    (opened,) = walk.give(c.Hold(by=RANGER, reason="we want to look at the misses first"))
    assert isinstance(opened, e.BreakerOpened)
    assert (opened.latch, opened.effect) == ("hold", Effect.HOLD)
    assert opened.reason == "held by rosa: we want to look at the misses first"
    assert walk.state.granted == granted
    assert walk.give(c.Hold(by=OPERATOR)) == [], "held already"
    walk.agree()
    assert "breaker" in [blocker.kind for blocker in _in_the_way(walk)]
    for by in (LEAD, OWNER):
        walk.give(c.BreakerReset(by=by, latch="hold", cause="the misses were a tarpaulin"))
    assert walk.state.latch("hold") is None
    assert walk.state.granted == granted


def _with_gate(plan: RolloutPlan, stage: int, **changes: Any) -> RolloutPlan:
    """The plan with one more gate at a stage."""
    extra = Gate.model_validate({"metric": "camera_uptime", "op": ">=", "value": 0.5, **changes})
    changed = replace(plan.stages[stage], gates=(*plan.stages[stage].gates, extra))
    return replace(plan, stages=(*plan.stages[:stage], changed, *plan.stages[stage + 1 :]))


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_gate_on_trial_fails_and_holds_nothing(dry_run: bool) -> None:
    walk = Walk(_with_gate(default_plan(), 0, dry_run=dry_run))
    walk.now += 15 * DAY_S
    walk.agree()
    results = gate_results(walk.plan, walk.state)
    failed = (*results[:-1], replace(results[-1], outcome=GateOutcome.FAILED))
    event, *_cleared = walk.give(c.Promote(by=OPERATOR, gates=failed, able=("rosa",)))
    assert isinstance(event, e.StageStarted if dry_run else e.PromotionHeld)


def test_a_gate_on_trial_says_so_and_satisfies_no_floor() -> None:
    gate = Gate.model_validate({"metric": "camera_uptime", "op": ">=", "value": 0.9, "dry_run": True})
    assert str(gate) == "camera_uptime >= 0.9, dry run"
    with pytest.raises(ValidationError, match="a dry run ends nothing"):
        Gate.model_validate({**gate.model_dump(exclude_unset=True), "on_fail": "handover"})
    usual = Gate.model_validate({"metric": "camera_uptime", "op": ">=", "value": 0.9})
    assert "dry_run" not in usual.key, "a gate from before is the same gate"
    assert "on_fail" not in usual.key


def test_an_extension_is_not_refused_by_a_gate_on_trial() -> None:
    walk = Walk(_with_gate(default_plan(), 1, dry_run=True))
    walk.reach(1)
    walk.agree(Step.EXTEND)
    results = gate_results(walk.plan, walk.state)
    failed = (*results[:-1], replace(results[-1], outcome=GateOutcome.FAILED))
    extended = walk.give(c.Extend(by=OPERATOR, longer=walk.plan.extension.max, gates=failed))
    assert isinstance(extended[0], e.StageExtended)
