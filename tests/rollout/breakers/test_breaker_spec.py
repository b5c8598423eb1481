"""The `breakers:` section: every breaker is always there, and what is written wrong is said where and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rollout.breakers import Breakers, BreakerSpec, Scope
from rollout.breakers.breaker_spec import DetectorSpec, Then
from rollout.breakers.conditions import Finding, evaluate, parse

DRAFT: dict[str, Any] = {
    "missed_sighting_1": {"when": "missed_confirmed_sightings_24h >= 2", "scope": "site"},
    "recall_edetector": {
        "detector": "cusum_lr", "p0": 0.10, "p1": 0.30, "c": 200, "unit": "blind_encounter", "scope": "rollout",
    },
    "false_alarm_burst": {"when": "false_alarms_1h_camera >= 6", "scope": "camera", "then": "rate_limit_and_review"},
    "false_alarm_rate": {
        "detector": "betting_mix", "mean0": 0.5, "cap": 4, "c": 1000, "unit": "day", "scope": "rollout",
    },
    "latency": {"when": "alert_end_to_end_p99_s > 30 for 5m", "scope": "region"},
    "queue_depth": {"when": "redis_lag_s > 60 for 2m or redis_len > 20000", "scope": "region"},
    "camera_loss": {"when": "camera_silent_s > 120", "scope": "camera", "site_if": "live_cameras/cameras < 0.75"},
    "gpu_temp": {"when": "gpu_c >= 87 for 2m or gpus_up < 1", "scope": "region"},
    "cost": {"when": "spend_24h > 1.5*budget_24h", "scope": "rollout", "then": "page_only_below_2x"},
    "drift": {"detector": "block_perm_or_ood_betting", "c": 1000, "scope": "site"},
    "loop": {
        "detector": "effort_eprocess", "delta": 0.5, "e_alarm": 100, "scope": "rollout",
        "then": "hold_and_freeze_training",
    },
    "canary_clip": {"when": "planted_clip_missed >= 2 consecutive", "scope": "region"},
    "controller": {"when": "lease_expired", "scope": "rollout"},
    "no_data": {"when": "any breaker input older than 3 intervals", "scope": "region"},
}  # fmt: skip


def test_a_configuration_that_writes_everything_out_says_what_the_defaults_say() -> None:
    written, usual = Breakers.model_validate(DRAFT).specs(), Breakers().specs()
    assert set(usual) - set(DRAFT) == {"machine", "self_proof"}
    for name in DRAFT:
        assert (written[name].condition, written[name].scope, written[name].then) == (
            usual[name].condition, usual[name].scope, usual[name].then,
        )  # fmt: skip
    assert written["recall_edetector"].number("c") == usual["recall_edetector"].number("c") == 200


def test_no_configuration_takes_a_breaker_away() -> None:
    changed = Breakers.model_validate({"latency": {"when": "alert_end_to_end_p99_s > 60 for 5m", "scope": "region"}})
    assert set(changed.specs()) == set(Breakers().specs())


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"latency": {"when": "alert_end_to_end_p9_s > 3", "scope": "region"}}, "did you mean alert_end_to_end_p99_s?"),
        ({"latency": {"when": "teapots > 3", "scope": "region"}}, "unknown quantity 'teapots'; known: alert_end"),
        ({"latency": {"when": "alert_end_to_end_p99_s >> 3"}}, "write `quantity op number`"),
        ({"latency": {"when": "alert_end_to_end_p99_s > 3 for 5 minutes"}}, "write `quantity op number`"),
        ({"latency": {"when": "alert_end_to_end_p99_s > 3", "scope": "camera"}}, "write scope: region or a wider one"),
        ({"latency": {"when": "alert_end_to_end_p99_s > 3 consecutive"}}, "is not counted in a row"),
        ({"latency": {"scope": "region"}}, "write either `when` or `detector`"),
        ({"latency": {"detector": "betting_mix"}}, "latency takes when: 'alert_end_to_end_p99_s > 30 for 5m'"),
        ({"loop": {"detector": "effort_eprocess", "p0": 0.1}}, "effort_eprocess takes delta, e_alarm, unit"),
        ({"recall_edetector": {"detector": "cusum_lr", "p0": 0.5, "p1": 0.3}}, "p0 must be below p1"),
        ({"recall_edetector": {"detector": "cusum_lr", "unit": "day"}}, "write blind_encounter"),
        (
            {"canary_clip": {"when": "planted_clip_missed > 2", "scope": "site", "site_if": "cameras < 1"}},
            "of scope camera",
        ),
        ({"no_data": {"when": "redis_len > 3"}}, "takes a condition such as 'any breaker input older"),
        ({"machine": {"when": "gpu_c > 3", "then": "page_only_below_2x"}}, "belongs to `cost`"),
        ({"tea": {"when": "redis_len > 3"}}, "Extra inputs are not permitted"),
        ({"queue_depth": {"when": "redis_len > 3 or camera_silent_s > 4"}}, "mixes quantities of different things"),
    ],
)
def test_mistakes_are_errors_that_say_what_to_write(section: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says.replace("?", r"\?")):
        Breakers.model_validate(section)


@pytest.mark.parametrize(
    ("text", "values", "met", "limit"),
    [
        ("redis_len > 20", {"redis_len": 21.0}, True, 20.0),
        ("redis_len > 20", {"redis_len": 20.0}, False, 20.0),
        ("redis_len > 20", {}, None, 20.0),
        ("redis_len > 20", {"redis_len": float("nan")}, None, 20.0),
        ("lease_expired", {"lease_expired": 1.0}, True, 0.0),
        ("lease_expired", {"lease_expired": 0.0}, False, 0.0),
        ("live_cameras/cameras < 0.75", {"live_cameras": 2.0, "cameras": 3.0}, True, 0.75),
        ("live_cameras/cameras < 0.75", {"live_cameras": 0.0, "cameras": 0.0}, None, 0.75),
        ("spend_24h > 1.5*budget_24h", {"spend_24h": 16.0, "budget_24h": 10.0}, True, 15.0),
        ("spend_24h > 1.5*budget_24h", {"spend_24h": 16.0}, None, None),
        ("spend_24h > budget_24h", {"spend_24h": 11.0, "budget_24h": 10.0}, True, 10.0),
    ],
)
def test_a_missing_value_is_neither_met_nor_unmet(
    text: str, values: dict[str, float], met: bool | None, limit: float | None
) -> None:
    (clause,) = parse(text).clauses
    finding = evaluate(clause, values.get)
    assert (finding.met, finding.limit) == (met, limit)
    assert isinstance(finding, Finding)


def test_alternatives_and_durations_are_read() -> None:
    first, second = parse("redis_lag_s > 60 for 2m or redis_len > 20000").clauses
    assert (first.hold_s, second.hold_s, second.limit) == (120.0, 0.0, 20000.0)
    assert parse("any breaker input older than 3 intervals").stale_intervals == 3.0


def test_a_specification_knows_its_defaults() -> None:
    spec = BreakerSpec(detector=DetectorSpec.BETTING_MIX)
    assert (spec.number("mean0"), spec.number("cap"), spec.scope, spec.then) == (0.5, 4.0, Scope.ROLLOUT, Then.HANDOVER)
    with pytest.raises(KeyError):
        BreakerSpec(when="redis_len > 3", scope=Scope.REGION).number("c")


def test_every_breaker_and_its_default_condition_stand_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "breakers.md").read_text()
    for name, spec in Breakers().specs().items():
        assert f"| `{name}` |" in page
        for text in (spec.when, spec.site_if):
            assert text is None or f"`{text}`" in page, f"docs/breakers.md does not say {text!r}"
