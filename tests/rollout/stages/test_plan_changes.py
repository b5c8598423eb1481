"""Whoever changes plan, cameras, rules or clock under a live stage gets no power by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.config import Config
from rollout.base.metrics import Measured
from rollout.evidence.stats.proportions import recall_evalue
from rollout.stages import commands as c
from rollout.stages import events as e
from rollout.stages.commands import Refused
from rollout.stages.default_plan import default_stages
from rollout.stages.gates import GateOutcome, GateResult, answers, assess_gate, assess_gates
from rollout.stages.plan import RolloutPlan
from rollout.stages.spec import Gate
from rollout.stages.spec_file import plan_from
from rollout.stages.state import grants
from tests.support.rollout.rollout_plans import LEAD, OPERATOR, OWNER, RANGER, Walk, gate_results, settings


@pytest.fixture
def live() -> Walk:
    """In the first live stage: Upper Pines, assisted."""
    walk = Walk()
    walk.reach(1)
    return walk


def _with(**keys: Any) -> Config:
    tree = settings().model_dump(mode="json", exclude_unset=True)
    for key, values in keys.items():
        tree[key] = {**tree.get(key, {}), **values}
    return Config.model_validate(tree)


def _read(walk: Walk, config: Config) -> list[str]:
    walk.plan = plan_from(config)
    return [type(event).__name__ for event in walk.give(c.PlanChanged())]


MASK = [[[0, 0], [1, 0], [1, 1], [0, 1]]]


@pytest.mark.parametrize(
    "keys",
    [
        {"detector": {"threshold": 0.999}},
        {"detector": {"min_hits": 50}},
        {"detector": {"window_s": 1.0}},
        {"detector": {"quiet_gap_s": 3600.0}},
        {"motion": {"min_area": 0.4}},
        {"motion": {"threshold": 100}},
        {"cameras": {"upper-creek": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/creek", "masks": MASK}}},
        {"cameras": {"lower-meadow": {"campsite": "lower-pines", "url": "rtsp://127.0.0.1:1/meadow", "fps": 1.0}}},
    ],
    ids=lambda keys: "-".join(str(next(iter(value))) for value in keys.values()),
)
def test_what_turns_pictures_into_alerts_is_under_evidence_too(live: Walk, keys: dict[str, Any]) -> None:
    digest = live.plan.digest
    assert _read(live, _with(**keys)) == ["PlanRead", "ModelReplaced", "HandoverBegan"]
    assert live.plan.digest == digest
    assert not live.state.live
    assert live.state.evidence_since == live.now
    assert _read(live, _with(**keys)) == []


def test_a_change_that_changes_no_alert_is_none(live: Walk) -> None:
    renamed = {"upper-creek": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/elsewhere", "name": "Creek"}}
    assert _read(live, _with(cameras=renamed, detector={"max_batch": 4}, motion={"audit_s": 90.0})) == []
    assert live.state.live


@pytest.mark.parametrize(
    "rollout",
    [
        {"breakers": {"missed_sighting_1": {"when": "missed_confirmed_sightings_24h >= 9", "scope": "site"}}},
        {"defaults": {"lease": {"ttl": "600s", "renew": "300s"}}},
        {"defaults": {"manual_watch": {"ack_within": "300d"}}},
        {"defaults": {"freshness": {"within": "120s", "back_after": "0s"}}},
        {"approvals": {"promote": {"roles": ["ranger", "operator"]}}},
    ],
)
def test_one_person_loosens_nothing_while_a_stage_is_live(live: Walk, rollout: dict[str, Any]) -> None:
    assert _read(live, settings(**rollout)) == ["PlanRead", "ApprovalsCleared", "HandoverBegan"]
    assert not live.state.live


def test_stages_that_are_edited_away_are_walked_all_the_same(live: Walk) -> None:
    stages = default_stages(settings())
    wide = {**stages[1], "scope": ["upper-pines", "lower-pines"]}
    _read(live, settings(stages=[stages[0], wide, stages[4]]))
    assert (live.state.stage, live.state.live) == (0, False)
    live.give(c.WatchAck(by=RANGER))
    live.reach(1)
    assert live.state.mode.value == "assisted", "automatic only after it was assisted there"


def test_a_camera_that_is_added_or_moved_starts_in_shadow(live: Walk) -> None:
    cameras = {
        "upper-new": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/new"},
        "lower-meadow": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/meadow"},
        "lower-other": {"campsite": "lower-pines", "url": "rtsp://127.0.0.1:1/other"},
    }
    assert _read(live, _with(cameras=cameras)) == ["PlanRead", "HandoverBegan"]
    assert grants(live.state)["upper-pines"].without == ("lower-meadow", "upper-new")
    assert live.state.live, "the cameras that earned it keep it"
    assert _read(live, _with(cameras=cameras)) == []


def test_a_camera_that_comes_back_with_another_mask_is_no_new_one(live: Walk) -> None:
    without = _with()
    del without.cameras["upper-trail"]
    assert _read(live, without) == []
    back = {"upper-trail": {"campsite": "upper-pines", "url": "rtsp://127.0.0.1:1/trail", "masks": MASK}}
    assert "HandoverBegan" in _read(live, _with(cameras=back))


@pytest.mark.parametrize("command", [c.Tick(), c.ClockStepped(by_s=-5 * 86400.0, seen_by="controller")])
def test_a_clock_that_is_set_back_hands_over_and_is_named(live: Walk, command: c.Command) -> None:
    live.now -= 5 * 86400.0
    events = live.give(command)
    assert [type(event).__name__ for event in events] == ["BreakerOpened", "HandoverBegan"]
    assert live.state.latch("clock") is not None
    assert "set back by" in live.state.latches[0].reason
    assert not live.state.live


def test_by_a_clock_that_is_behind_nobody_gives_power_and_anybody_takes_it(live: Walk) -> None:
    live.now -= 3600.0
    with pytest.raises(Refused, match="clock stands 36"):
        live.give(c.Approve(by=LEAD))
    live.give(c.EmergencyStop(by=RANGER))
    assert not live.state.live


def test_a_clock_set_forward_in_shadow_holds_the_promotion() -> None:
    walk = Walk()
    walk.now += 15 * 86400.0
    walk.give(c.ClockStepped(by_s=15 * 86400.0, seen_by="controller"))
    walk.agree()
    assert isinstance(walk.ask()[0], e.PromotionHeld)


def test_whoever_asks_for_a_step_has_not_approved_it() -> None:
    walk = Walk()
    walk.now += 15 * 86400.0
    walk.agree()
    assert isinstance(walk.ask(by=LEAD)[0], e.PromotionHeld)
    assert isinstance(walk.ask(by=OPERATOR)[0], e.StageStarted)


def test_a_breaker_that_no_controller_has_brought_to_the_rollout_holds_it() -> None:
    walk = Walk()
    walk.now += 15 * 86400.0
    walk.agree()
    (held,) = walk.ask(open_trips=("recall_edetector",))
    assert isinstance(held, e.PromotionHeld)
    assert held.why == ("breaker recall_edetector has tripped",)


STRICT = Gate.model_validate({"metric": "recall_blind", "bound": "eprocess", "e_min": 20, "r0": 0.95, "min_n": 200})
LOOSE = Gate.model_validate({"metric": "recall_blind", "bound": "eprocess", "e_min": 20, "r0": 0.5})


def test_one_gate_never_answers_for_another_of_the_same_text() -> None:
    assert str(STRICT) == str(LOOSE)
    bounds = {STRICT.e_bound: recall_evalue(45, 5, 0.95), LOOSE.e_bound: recall_evalue(45, 5, 0.5)}
    measured = Measured("recall_blind", 0.9, bounds, 50, "bear-nights")
    results = assess_gates([STRICT, LOOSE], {"stage": {"recall_blind": measured}})
    assert [result.outcome.value for result in results] == ["inconclusive", "passed"]
    assert answers([STRICT, LOOSE], reversed(results)) == list(results)
    by_hand = GateResult(str(LOOSE), "recall_blind", GateOutcome.PASSED)
    assert answers([STRICT, LOOSE], [by_hand]) == [by_hand, None]


def test_each_e_value_speaks_against_the_recall_that_its_gate_names() -> None:
    one_e_value = Measured("recall_blind", 0.9, {"eprocess": 1e9}, 500, "bear-nights")
    assert assess_gate(STRICT, one_e_value).outcome is GateOutcome.INCONCLUSIVE
    plan: RolloutPlan = replace(Walk().plan, stages=())
    assert plan.evidence_rule().also_against == ()
    stages = [
        {**stage, "gates": [*stage["gates"], STRICT.model_dump(exclude_none=True)]}
        for stage in default_stages(settings())
    ]
    assert plan_from(settings(stages=stages)).evidence_rule().also_against == (0.95,)


def test_the_worst_campsite_and_the_worst_slice_stand_beside_the_mean() -> None:
    gate = Gate.model_validate({"metric": "recall_blind", "bound": "cp_lower", "op": ">=", "value": 0.9})
    good = {"campsite": "lower-pines", "recall": 0.9, "n": 10, "upper": 0.99}
    bad = {"campsite": "lower-pines", "recall": 0.3, "n": 10, "upper": 0.7}
    for worst, dark, outcome in ((good, 0.99, "passed"), (bad, 0.99, "failed"), (good, 0.8, "failed")):
        detail = {"worst_campsite": worst, "slices": {"dark": {"recall": 0.5, "n": 9, "upper": dark}}}
        result = assess_gate(gate, Measured("recall_blind", 0.97, {"cp_lower": 0.93}, 90, "bear-nights", detail=detail))
        assert result.outcome.value == outcome, result.why


def test_two_people_begin_anew_after_a_change(live: Walk) -> None:
    _read(live, settings(defaults={"lease": {"ttl": "600s", "renew": "300s"}}))
    live.give(c.WatchAck(by=RANGER))
    for by in (LEAD, OWNER):
        live.give(c.Approve(by=by))
    gates = gate_results(live.plan, live.state)
    assert isinstance(live.give(c.Promote(by=OPERATOR, gates=gates, able=("rosa",)))[0], e.StageStarted)
