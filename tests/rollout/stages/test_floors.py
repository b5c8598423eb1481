"""No stage is left without a bound on recall, one on false alarms, and data of its own; or it says so on every page."""

from __future__ import annotations

from typing import Any

import pytest

from core.config_file import ConfigError
from rollout.stages.floors import below_floors
from rollout.stages.spec import StageSpec
from rollout.stages.spec_file import plan_from
from tests.support.rollout.rollout_plans import default_plan, settings

RECALL = {"metric": "recall_blind", "bound": "cp_lower", "op": ">=", "value": 0.9}
ALARMS = {"metric": "false_alarms_per_camera_day", "bound": "quasipoisson_upper", "op": "<=", "value": 0.5}
OPEN = {"metric": "open_breakers", "op": "==", "value": 0}
MONTH = {"min": "14d", "max": "120d"}


def _stage(mode: str = "shadow", gates: list[dict[str, Any]] | None = None, **more: Any) -> StageSpec:
    said = {"name": "s", "scope": ["upper-pines"], "mode": mode, "duration": MONTH, "gates": gates or [], **more}
    return StageSpec.model_validate(said)


def test_the_default_plan_asks_for_enough() -> None:
    assert default_plan().overridden == ()


@pytest.mark.parametrize(
    ("gates", "lacks"),
    [
        ([ALARMS], ["bounds recall", "data of its own"]),
        ([RECALL], ["bounds false alarms"]),
        ([RECALL, {**ALARMS, "value": 40}], ["bounds false alarms"]),
        ([{**RECALL, "value": 0.3}, ALARMS], ["bounds recall", "data of its own"]),
        ([{"metric": "recall_blind", "stat": "point", "op": ">=", "value": 0.9}, ALARMS], ["bounds recall", "data"]),
        ([{"metric": "recall_blind", "bound": "eprocess", "e_min": 20, "r0": 0.5}, ALARMS], ["bounds recall", "data"]),
        ([{**RECALL, "op": "<="}, ALARMS], ["cannot fail", "bounds recall", "data of its own"]),
        ([RECALL, ALARMS, {"metric": "open_breakers", "op": ">=", "value": 0}], ["cannot fail"]),
        ([RECALL, ALARMS], []),
    ],
)
def test_a_shadow_stage_that_asks_for_too_little_is_told_what_it_lacks(
    gates: list[dict[str, Any]], lacks: list[str]
) -> None:
    found = below_floors(_stage(gates=gates))
    assert len(found) == len(lacks)
    assert all(word in said for word, said in zip(lacks, found, strict=True)), found


def test_shadow_lasts_a_day_and_automatic_leaves_time_to_say_no() -> None:
    assert "less than a day" in below_floors(_stage(gates=[RECALL, ALARMS], duration={"min": "1m", "max": "9d"}))[0]
    hasty = _stage("automatic", [OPEN], duration="3650d", oversight={"veto_window": "0s", "ranger_ack_within": "100d"})
    assert [word in said for word, said in zip(("92 days", "say no", "15 min"), below_floors(hasty), strict=True)] == [
        True, True, True,
    ]  # fmt: skip
    assert below_floors(_stage("assisted", [{"metric": "camera_uptime", "op": ">=", "value": 0.9}])) != []
    assert below_floors(_stage("assisted", [OPEN])) == [], "the breakers watch recall and false alarms"


def _stages(**more: Any) -> list[dict[str, Any]]:
    shadow = {"name": "shadow", "scope": ["upper-pines"], "mode": "shadow", "duration": {"min": "1m", "max": "9d"}}
    live = {"name": "live", "scope": ["upper-pines"], "mode": "assisted", "duration": "1d", "gates": [OPEN]}
    return [{**shadow, **more}, live]


def test_a_plan_below_the_floors_is_refused_or_says_why_and_is_the_same_plan_all_the_same() -> None:
    written: list[dict[str, Any]] = [{}, {"gates": []}, {"gates": [OPEN]}]
    for more in written:
        with pytest.raises(ConfigError, match=r"has no gates|no gate bounds recall"):
            plan_from(settings(stages=_stages(**more)))
    plan = plan_from(settings(stages=_stages(gates=[OPEN], overridden="a demonstration without bears")))
    (said,) = plan.overridden
    assert said == "shadow (4 floors): a demonstration without bears"
    other = plan_from(settings(stages=_stages(gates=[OPEN], overridden="for another reason than that")))
    assert (plan.digest, plan.terms == other.terms) == (other.digest, False)
