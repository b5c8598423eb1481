"""Whole seasons against the rollout's own code: who is promoted, who is held, who is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import correlation, fmean
from xml.etree import ElementTree

import pytest

from bearwatch.cli import main
from rollout.stages.events import LeaseMissed
from rollout.stages.evolve import replay
from rollout.stages.state import State
from simulation.seasons import noticing
from simulation.seasons.fixture_site import CAMERAS, policies
from simulation.seasons.random_streams import DAY_S, START, Fault, draw
from simulation.seasons.run import simulate
from simulation.seasons.scenarios import SCENARIOS, Scenario
from simulation.seasons.season import Season
from simulation.seasons.table import Share

CALM = replace(
    SCENARIOS["good"], visits_per_day=1.5, cameras_lost=0.0, controllers_lost=0.0, redis_lost=0.0, detectors_blind=0.0,
    networks_broken=0.0,
)  # fmt: skip
"""Many bears, a good model, and nothing ever fails."""
SEED = 8
LIVE_DAY = 26.0
"""By then that season has its county live."""


def season(
    scenario: Scenario, *faults: Fault, policy: str = "default", seed: int = SEED, days: float = LIVE_DAY + 2
) -> Season:
    """A season that has been played, with faults of the test's choice beside the world's own."""
    drawn = draw(scenario, seed)
    with_faults = replace(drawn, faults=tuple(sorted((*drawn.faults, *faults), key=lambda fault: fault.at)))
    played = Season(scenario, policies()[policy], with_faults)
    played.run(START + days * DAY_S)
    return played


def fault(kind: str, length_s: float, camera: str | None = None) -> Fault:
    """Something that fails on the evening of :data:`LIVE_DAY`."""
    at = START + LIVE_DAY * DAY_S + 7 * 3600.0
    return Fault(kind, at, at + length_s, camera)


@pytest.fixture(scope="module")
def calm() -> Season:
    """A season in which nothing fails."""
    return season(CALM)


def test_a_good_model_reaches_the_county_and_a_bear_is_never_unknowingly_alone(calm: Season) -> None:
    result = calm.result
    assert result.county_d is not None
    assert 14 + 1 + 6 < result.county_d < LIVE_DAY
    assert result.unknown_s("within") == result.unknown_s("beyond") == 0.0
    assert result.bear_s["live"] > 3600.0


def test_a_weak_model_is_held_in_shadow_with_the_gate_that_holds_it() -> None:
    for seed in (1, 2):
        result = season(SCENARIOS["weak"], seed=seed, days=120.0).result
        assert result.first_live_d is None
        assert "recall" in result.held_by


def test_a_model_that_is_weak_by_night_only_is_held_too() -> None:
    assert season(SCENARIOS["night-blind"], days=120.0).result.first_live_d is None


def test_the_state_is_what_the_events_say(calm: Season) -> None:
    assert replay(calm.rollout.history, State()) == calm.state


def test_equal_seeds_give_equal_tables() -> None:
    chosen = [policies()["default"]]
    first, again = (list(simulate([SCENARIOS["sleeping"]], chosen, 1, 5)) for _ in range(2))
    assert first == again
    assert list(simulate([SCENARIOS["sleeping"]], chosen, 1, 7)) != first


def test_every_policy_meets_the_same_season() -> None:
    one, other = draw(SCENARIOS["good"], 4), draw(SCENARIOS["good"], 4)
    assert one.passings == other.passings
    assert one.faults == other.faults


def test_a_sleeping_ranger_leads_to_handover_and_escalation_along_the_rota() -> None:
    dead = [fault("camera", 7200.0, camera) for camera in CAMERAS[:2]]
    played = season(replace(CALM, answers=0.25), *dead)
    assert played.result.handovers >= 2
    assert played.result.escalations > 0
    assert max(played.result.waited_s) > 300.0


def test_a_dead_cameras_authority_rests_within_half_a_minute_and_trips_its_breaker_after_two() -> None:
    result = season(CALM, fault("camera", 7200.0, CAMERAS[0])).result
    assert result.trips["camera_loss"] == 1
    assert 20.0 <= result.longest_unknown_s["camera"] <= 31.0


def test_without_breakers_nobody_notices_a_dead_camera() -> None:
    result = season(CALM, fault("camera", 7200.0, CAMERAS[0]), policy="no-breakers").result
    assert result.longest_unknown_s["camera"] == pytest.approx(7200.0, abs=1.0)


def test_without_redis_authority_rests_in_seconds_and_ends_in_a_minute() -> None:
    result = season(CALM, fault("redis", 1800.0)).result
    assert result.trips["no_data"] == 1
    assert result.longest_unknown_s["redis"] <= 6.0


def test_a_short_loss_rests_authority_and_pages_nobody(calm: Season) -> None:
    played = season(CALM, fault("redis", 40.0), fault("camera", 60.0, CAMERAS[3]))
    assert played.result.handovers == calm.result.handovers
    assert all(len(played.protection.paused[camera]) == 1 + (camera == CAMERAS[3]) for camera in CAMERAS)


def test_a_network_that_answers_nonsense_is_found_out_by_its_self_test() -> None:
    result = season(CALM, fault("network", 6 * 3600.0)).result
    assert result.trips["self_proof"] == 1
    assert result.longest_unknown_s["network"] <= noticing.PROMISED_S["network"] <= 45.0


def test_bears_count_as_within_the_promise_until_it_is_over_and_as_beyond_it_after_that() -> None:
    """Without freshness a dead camera is not noticed at all: the first 35 seconds were promised, the rest was not."""
    bear = next(p for p in draw(CALM, SEED).passings if p.at > START + LIVE_DAY * DAY_S and p.end - p.at > 300)
    dead = [Fault("camera", bear.at - 10.0, bear.end + 600.0, camera) for camera in bear.cameras]
    alone = season(CALM, *dead, policy="no-breakers", days=(bear.end - START) / DAY_S + 1).protection
    assert dict(alone.during(bear)) == pytest.approx(
        {"within:camera": 25.0, "beyond:camera": bear.end - bear.at - 25.0}
    )
    plan = season(CALM, *dead, days=(bear.end - START) / DAY_S + 1).protection
    kinds = dict(plan.during(bear))
    assert kinds["within:camera"] <= 25.0
    assert "beyond:camera" not in kinds
    assert kinds["paused"] > 60.0, "until the breaker pages, every page says that nobody watches"


def test_a_dead_controller_is_noticed_by_the_watchdog_when_the_lease_dies() -> None:
    played = season(CALM, fault("controller", 3600.0))
    assert any(isinstance(event, LeaseMissed) and event.by == "watchdog" for event in played.rollout.history)
    assert played.result.longest_unknown_s["lapsed"] <= 5.0


def test_a_lost_machine_is_known_in_two_minutes_where_a_service_elsewhere_misses_it() -> None:
    alone = season(CALM, fault("host", 1800.0)).result
    missed = season(replace(CALM, missed_elsewhere=True), fault("host", 1800.0)).result
    assert alone.longest_unknown_s["host"] >= 1800.0
    assert "host" not in missed.longest_unknown_s
    assert missed.longest_unknown_s["missed"] <= noticing.PROMISED_S["missed"] <= 125.0


def test_a_controller_that_restarts_in_time_changes_nothing(calm: Season) -> None:
    played = season(CALM, fault("controller", 20.0))
    assert played.result.handovers == calm.result.handovers


def test_a_path_that_goes_blind_silently_is_found_by_the_second_test_clip() -> None:
    result = season(CALM, fault("detector", 6 * 3600.0)).result
    assert result.trips["canary_clip"] == 1
    assert 60.0 < result.longest_unknown_s["detector"] <= noticing.PROMISED_S["detector"] == 900.0 + 2 * 75.0 + 5.0


def test_a_drifting_model_loses_its_authority_soon() -> None:
    decay = int(LIVE_DAY)
    scenario = replace(CALM, drift_day=decay, recall_after=0.5)
    protected, alone = (
        season(scenario, policy=policy, days=LIVE_DAY + 20).result for policy in ("default", "no-breakers")
    )
    assert protected.county_d is not None
    assert protected.bad_live_d < 0.7 * alone.bad_live_d


def test_a_slow_decay_is_slow_and_counts_as_bad_from_where_the_gates_would_refuse_it() -> None:
    scenario = replace(SCENARIOS["decaying"], visits_per_day=20.0)
    assert scenario.bad_from_day() == 120 + 16
    by_day = [(int((each.at - START) // DAY_S), each.model_sees) for each in draw(scenario, 3).passings]

    def recall(first: int, last: int) -> float:
        return fmean(sees for day, sees in by_day if first <= day < last)

    assert recall(100, 120) == pytest.approx(0.97, abs=0.02)
    assert recall(145, 155) == pytest.approx(0.835, abs=0.03)
    assert recall(185, 210) == pytest.approx(0.70, abs=0.03)


def test_what_a_ranger_takes_for_a_bear_is_a_miss_and_no_bear_is_in_danger() -> None:
    scenario = replace(CALM, no_bears=0.2, watched=1.0, watched_blind_live=1.0, watched_live=1.0)
    played = season(scenario, days=10)
    wrong = [each for each in draw(scenario, SEED).passings if not each.is_bear and each.at < START + 9.9 * DAY_S]
    assert len(wrong) > 5
    missed = {each.visit.start for each in played.ledger.blind if not each.hit}
    assert {each.at for each in wrong} <= missed
    assert played.result.missed_live == 0


def test_an_alert_that_nobody_decides_has_seen_nothing() -> None:
    decided, undecided = (season(replace(CALM, undecided=share), days=10).ledger for share in (0.0, 1.0))
    assert any(each.hit for each in decided.blind)
    assert not any(each.hit for each in undecided.blind)
    assert undecided.seen == []


def test_what_is_entered_late_is_seen_and_not_blind() -> None:
    ledger = season(replace(CALM, late=1.0), days=10).ledger
    assert ledger.anybody
    assert ledger.blind == []


def test_one_mad_camera_loses_its_own_authority_and_the_county_goes_on() -> None:
    scenario = replace(CALM, mad_camera=40.0)
    result = season(scenario, days=120).result
    units = [latch for latch in result.tripped_units if latch.startswith("false_alarm_rate")]
    assert f"false_alarm_rate@camera:{CAMERAS[0]}" in units
    assert all(unit.endswith(CAMERAS[0]) for unit in units)


def test_bears_that_come_twice_come_to_the_same_place_and_hard_weather_lasts() -> None:
    visits = draw(replace(SCENARIOS["alike"], visits_per_day=2.0), 5).passings
    starts = {(each.site, round(each.at)) for each in visits}
    assert sum((site, at + 7200) in starts for site, at in starts) >= len(visits) // 2 - 1
    stormy = draw(replace(SCENARIOS["weather"], visits_per_day=20.0), 5).passings
    nights: dict[int, list[bool]] = {}
    for each in stormy:
        nights.setdefault(int((each.at - START) // DAY_S), []).append(each.model_sees)
    shares = [fmean(seen) for _day, seen in sorted(nights.items())]
    assert correlation(shares[:-1], shares[1:]) > 0.3


def test_a_fault_that_is_over_before_it_counts_is_no_trip() -> None:
    spec = policies()["default"].plan.breakers.camera_loss
    assert noticing.camera_silent(spec, 1000.0, 1100.0) is None
    assert noticing.camera_silent(spec, 1000.0, 2000.0) == 1125.0


def test_freshness_is_given_back_when_pictures_have_come_for_a_while() -> None:
    freshness = policies()["default"].plan.defaults.freshness
    assert noticing.freshness_lost(freshness, 1000.0, 9999.0, 0.0) == 1031.0
    assert noticing.freshness_lost(freshness, 1000.0, 9999.0, 1.0) == 1021.0
    assert noticing.freshness_lost(freshness, 1000.0, 1015.0, 1.0) is None
    assert noticing.freshness_back(freshness, 2000.0, 0.5) == 2020.0


def test_a_share_has_its_exact_interval() -> None:
    none = Share.of(0, 100)
    assert (none.lower, round(none.upper, 4)) == (0.0, 0.0362)


def test_the_command_writes_the_table_and_the_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "simulate",
        "--seasons",
        "1",
        "--scenarios",
        "weak",
        "--policies",
        "default",
        "--json",
        "--out",
        str(tmp_path),
    ]
    assert main(words) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["scenario"] for row in rows] == ["weak"]
    assert rows[0]["past_shadow.count"] == 0
    for name in ("simulation.svg", "simulation-unnoticed.svg"):
        assert ElementTree.parse(tmp_path / name).getroot().tag.endswith("svg")
    assert len((tmp_path / "simulation.csv").read_text().splitlines()) == 2


def test_a_scenario_that_there_is_not_is_an_error_that_names_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--scenarios", "perfect"]) == 2
    assert "night-blind" in capsys.readouterr().err
