"""A gate passes, fails, or cannot be decided; and what it still takes is counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rollout.base.metrics import METRICS, Measured, with_unit
from rollout.control.analysis import covered_s
from rollout.control.forecast import Rates, demand, needed
from rollout.evidence.stats.proportions import anytime_lower, clopper_pearson_lower
from rollout.stages.gates import GateOutcome, assess_gate, assess_gates
from rollout.stages.spec import Gate
from tests.support.rollout.rollout_plans import default_plan

RECALL = Gate(metric="recall_blind", bound="cp_lower", op=">=", value=0.9, min_n=14)
E_RECALL = Gate(metric="recall_blind_cumulative", bound="eprocess", e_min=20, r0=0.9)
POINT = Gate(metric="false_alarms_per_camera_day", stat="point", op="<=", value=2)


def measured(value: float | None, n: float = 50, **bounds: float) -> Measured:
    """A recall."""
    return Measured("recall_blind", value, bounds, n, "bear-nights", "too few" if value is None else "")


@pytest.mark.parametrize(
    ("gate", "found", "outcome", "why"),
    [
        (RECALL, None, GateOutcome.INCONCLUSIVE, "nobody has measured it"),
        (RECALL, measured(None), GateOutcome.INCONCLUSIVE, "too few"),
        (RECALL, measured(math.nan), GateOutcome.INCONCLUSIVE, "not enough data"),
        (RECALL, measured(1.0, 13, cp_lower=0.95), GateOutcome.INCONCLUSIVE, "13 of the 14 bear-nights"),
        (RECALL, measured(1.0), GateOutcome.INCONCLUSIVE, "no bound cp_lower"),
        (RECALL, measured(1.0, cp_lower=math.nan), GateOutcome.INCONCLUSIVE, "no bound cp_lower"),
        (RECALL, measured(0.98, cp_lower=0.91), GateOutcome.PASSED, ""),
        (RECALL, measured(0.98, cp_lower=0.9), GateOutcome.PASSED, ""),
        (RECALL, measured(0.95, cp_lower=0.89), GateOutcome.INCONCLUSIVE, "more data may decide it"),
        (RECALL, measured(0.85, cp_lower=0.75), GateOutcome.FAILED, "is 0.75"),
        (E_RECALL, measured(0.97, eprocess=20.0), GateOutcome.PASSED, ""),
        (E_RECALL, measured(0.97, eprocess=19.0), GateOutcome.INCONCLUSIVE, "e-value 19 of 20"),
        (E_RECALL, measured(0.6, eprocess=0.01), GateOutcome.FAILED, "the evidence is against it"),
        (POINT, measured(2.0), GateOutcome.PASSED, ""),
        (POINT, measured(2.1), GateOutcome.FAILED, "is 2.1"),
    ],
)
def test_only_what_is_measured_and_enough_passes(gate: Gate, found: Any, outcome: GateOutcome, why: str) -> None:
    result = assess_gate(gate, found)
    assert result.outcome is outcome
    assert why in result.why


def test_with_too_little_data_the_bound_is_told_and_decides_nothing() -> None:
    result = assess_gate(RECALL, measured(1.0, 13, cp_lower=0.95))
    assert (result.outcome, result.compared) == (GateOutcome.INCONCLUSIVE, 0.95)


def test_each_gate_asks_its_own_window() -> None:
    daily = Gate(metric="recall_blind", op=">=", value=0.9, window="24h")
    whole = Gate(metric="recall_blind", op=">=", value=0.9)
    results = assess_gates([daily, whole], {"stage": {"recall_blind": measured(1.0)}, "24h": {}})
    assert [result.outcome for result in results] == [GateOutcome.INCONCLUSIVE, GateOutcome.PASSED]


def test_every_gate_of_the_default_plan_can_be_given_by_its_metric() -> None:
    for stage in default_plan().stages:
        for gate in stage.gates:
            assert gate.bound is None or gate.bound in METRICS[gate.metric].bounds


@pytest.mark.parametrize(
    ("gate", "seen", "need"),
    [
        (RECALL, None, 29),
        (RECALL, measured(1.0), 29),
        (RECALL, measured(0.98), 46),
        (RECALL, measured(0.96), 61),
        (E_RECALL, None, 41),
        (E_RECALL, measured(0.96), 82),
        (Gate(metric="encounters_blind", op=">=", value=46), None, 46),
        (POINT, None, None),
    ],
)
def test_what_a_gate_takes_grows_with_the_misses_so_far(gate: Gate, seen: Any, need: float | None) -> None:
    assert needed(gate, seen) == need


def test_days_are_counted_at_the_rate_seen_so_far() -> None:
    stage = default_plan().stages[0]
    rates = Rates({"recall_blind": measured(1.0, 10)}, days=5.0, campsites=2)
    found = demand(RECALL, assess_gate(RECALL, measured(1.0, 10)), rates, stage, cameras=3)
    assert (found.need, found.have, found.per_day) == (29, 10, 2.0)
    assert found.days == 9.5
    assert "19 more bear-nights" in found.missing


def test_one_is_said_in_the_singular() -> None:
    stage = default_plan().stages[0]
    found = demand(RECALL, assess_gate(RECALL, measured(1.0, 28)), Rates({}, 5.0, 2), stage, cameras=3)
    assert found.missing.endswith("29 more bear-nights")
    rates = Rates({"recall_blind": measured(1.0, 28)}, days=5.0, campsites=2)
    last = demand(RECALL, assess_gate(RECALL, measured(1.0, 28, cp_lower=0.89)), rates, stage, cameras=3)
    assert last.missing.endswith("1 more bear-night")
    single = Gate(metric="recall_blind", bound="cp_lower", op=">=", value=0.9, min_n=1)
    assert assess_gate(single, measured(1.0, 0)).why == "rests on 0 of the 1 bear-night that it needs"


@pytest.mark.parametrize(
    ("unit", "one"),
    [
        ("breakers", "1 breaker"),
        ("deliveries", "1 delivery"),
        ("visits that people saw", "1 visit that people saw"),
        ("days of this report", "1 day of this report"),
        ("s", "1 s"),
        ("per camera-day", "1 per camera-day"),
        ("", "1"),
    ],
)
def test_a_unit_follows_its_number(unit: str, one: str) -> None:
    assert with_unit("1", unit) == one
    assert with_unit("2", unit) == f"2 {unit}".strip()


def test_where_nothing_was_seen_nobody_says_when() -> None:
    found = demand(RECALL, assess_gate(RECALL, None), Rates({}, 3.0, 2), default_plan().stages[0], cameras=3)
    assert (found.need, found.days) == (29, None)


@pytest.mark.parametrize(("observers", "seconds"), [(1, 9.0), (2, 3.0), (3, 0.0)])
def test_only_time_with_enough_observers_is_covered(observers: int, seconds: float) -> None:
    assert covered_s([(0, 5), (2, 6), (7, 9), (8, 8), (9, 10)], observers) == pytest.approx(seconds)


def seen(hits: int, misses: int) -> Measured:
    """A recall as the evidence gives it."""
    n = hits + misses
    bounds = {"cp_lower": clopper_pearson_lower(hits, n), "anytime_lower": anytime_lower(hits, misses)}
    return Measured("recall_blind", hits / n, bounds, n, "bear-nights")


def test_where_one_may_analyse_daily_the_bound_is_one_that_holds_at_all_analyses_together() -> None:
    """46 nights with one miss satisfy a bound made for one analysis; analysed daily they do not."""
    once, often = (assess_gate(RECALL, seen(45, 1), often) for often in (False, True))
    assert (once.outcome, often.outcome) == (GateOutcome.PASSED, GateOutcome.INCONCLUSIVE)
    assert "any number of analyses is only" in often.why
    assert assess_gate(RECALL, seen(61, 1), often=True).outcome is GateOutcome.PASSED
    assert (needed(RECALL, seen(45, 1)), needed(RECALL, seen(45, 1), often=True)) == (46, 62)


def test_daily_analyses_promote_a_model_at_the_gate_in_one_season_of_twenty_at_most() -> None:
    rng = np.random.default_rng(20270401)
    misses = np.cumsum(rng.random((1500, 160)) < 0.1, axis=1)
    verdicts: dict[tuple[int, int, bool], bool] = {}

    def passes(n: int, missed: int, often: bool) -> bool:
        key = (n, missed, often)
        if key not in verdicts:
            verdicts[key] = assess_gate(RECALL, seen(n - missed, missed), often).outcome is GateOutcome.PASSED
        return verdicts[key]

    shares = {
        often: np.mean([any(passes(n, int(row[n - 1]), often) for n in range(46, 161)) for row in misses])
        for often in (False, True)
    }
    assert shares[True] <= 0.05
    assert shares[False] > 0.08


def test_a_stage_that_is_open_for_weeks_is_analysed_often() -> None:
    plan = default_plan()
    assert [plan.analysed_repeatedly(stage) for stage in plan.stages] == [True, False, False, False, False]
