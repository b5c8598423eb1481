"""The sequential detectors as the breakers use them: rarely wrong, and quick enough when something is."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from rollout.breakers import Breakers
from rollout.breakers.detector_steps import (
    DetectorState,
    camera_alarm_step,
    day_histograms,
    drift_step,
    false_alarm_step,
    loop_step,
    recall_step,
    restarted,
    unknown_step,
    week_step,
    worst_campsite,
)
from rollout.breakers.false_trip_budget import BUDGET_PER_DAY, false_alarms_per_day, fitted, too_eager, within_budget
from rollout.evidence.stats.drift import week_p

SPECS = Breakers().specs()


def steps_until(level_above: float, step: Callable[[DetectorState, int], DetectorState], most: int) -> int | None:
    """How many steps until the level reaches ``level_above``; None if it does not within ``most``."""
    memory: DetectorState = {}
    for number in range(most):
        memory = step(memory, number)
        if memory["level"] >= level_above:
            return number + 1
    return None


def test_a_model_as_good_as_asked_for_trips_rarely_and_a_bad_one_soon() -> None:
    rng = np.random.default_rng(1)

    def run(miss: float, most: int) -> int | None:
        return steps_until(
            200, lambda m, n: recall_step(m, bool(rng.random() < miss), n, SPECS["recall_edetector"], "a"), most
        )

    good = [run(0.10, 400) for _ in range(40)]
    assert sum(steps is not None for steps in good) <= 40 * 400 / 200, (
        "at most one false alarm in two hundred encounters"
    )
    bad = [run(0.50, 400) for _ in range(40)]
    assert all(bad)
    assert np.median([steps or 400 for steps in bad]) <= 16


def _days_until_noticed(
    rng: np.random.Generator, found_a_day: float, alarm: float, misses: tuple[float, ...] = (0.30,) * 6
) -> int:
    """A model that missed 3% misses so much at each campsite from a day on; so many bears a day are found in all."""
    memory: DetectorState = {}
    for day in range(-60, 400):
        for _ in range(rng.poisson(found_a_day)):
            site = int(rng.integers(len(misses)))
            missed = bool(rng.random() < (0.03 if day < 0 else misses[site]))
            memory = recall_step(memory, missed, day, SPECS["recall_edetector"], str(site))
            if memory["level"] >= alarm:
                return day
    return 400


def test_a_model_that_is_blind_at_one_campsite_of_six_is_noticed_although_the_mean_is_good() -> None:
    rng, alarm = np.random.default_rng(4), fitted(Breakers(), 6).specs()["recall_edetector"].number("c")
    days = [_days_until_noticed(rng, 0.75, alarm, (0.70, *(0.03,) * 5)) for _ in range(40)]
    assert min(days) >= 0
    assert fmean(days) < 75, "all together alone took 146 days, and did not find one in seven"


def test_the_campsite_that_the_evidence_is_about_is_named() -> None:
    memory: DetectorState = {}
    for n in range(30):
        for site in "abcdef":
            memory = recall_step(memory, site == "c" and n % 2 == 0, n, SPECS["recall_edetector"], site)
    assert worst_campsite(memory) == "c"
    everywhere: DetectorState = {}
    for n in range(30):
        for site in "abc":
            everywhere = recall_step(everywhere, n % 2 == 0, n, SPECS["recall_edetector"], site)
    assert worst_campsite(everywhere) is None
    assert worst_campsite({}) is None


def test_a_model_that_has_become_worse_is_noticed_within_weeks_and_sooner_with_audits() -> None:
    """Six campsites while a stage is live: three visits a day, 15% watched blind, a tenth on contact sheets."""
    rng, alarm = np.random.default_rng(3), fitted(Breakers(), 6).specs()["recall_edetector"].number("c")
    watched = [_days_until_noticed(rng, 0.45, alarm) for _ in range(60)]
    audited = [_days_until_noticed(rng, 0.75, alarm) for _ in range(60)]
    assert min(watched + audited) >= 0, "nothing is noticed before there is anything"
    assert fmean(watched) < 65, "an e-CUSUM with the same promise took 75 days"
    assert fmean(audited) < 38


def test_a_plan_of_before_goes_on_from_what_its_cusum_remembered() -> None:
    memory = recall_step({"level": 40.0}, True, 0.0, SPECS["recall_edetector"], "a")
    assert memory["level"] > 40.0


def test_clumpy_false_alarms_at_the_allowed_rate_do_not_trip() -> None:
    """Half a false alarm per camera-day, in clumps (negative binomial, shape 0.3), on twenty cameras."""
    rng = np.random.default_rng(2)
    spec = SPECS["false_alarm_rate"]

    def run(mean: float, most: int) -> int | None:
        def day(memory: DetectorState, number: int) -> DetectorState:
            counts = rng.negative_binomial(0.3, 0.3 / (0.3 + mean), 20)
            return false_alarm_step(memory, [int(count) for count in counts], number, spec)

        return steps_until(1000, day, most)

    assert [run(0.5, 300) for _ in range(10)] == [None] * 10
    tripled = [run(1.5, 300) for _ in range(10)]
    assert all(tripled)
    assert fmean(steps or 300 for steps in tripled) < 30


def test_a_day_on_which_nobody_looked_is_no_evidence() -> None:
    before = false_alarm_step({}, [4, 4], 0.0, SPECS["false_alarm_rate"])
    after = false_alarm_step(before, [], 1.0, SPECS["false_alarm_rate"])
    assert after["levels"] == before["levels"]
    assert unknown_step({}, None, 0.0)["level"] == 1.0


def test_unknown_animals_that_become_frequent_trip_within_a_month() -> None:
    rng = np.random.default_rng(3)

    def run(share: float, most: int) -> int | None:
        return steps_until(2000, lambda m, n: unknown_step(m, float(rng.beta(1, 1 / share - 1)), n), most)

    assert [run(0.02, 300) for _ in range(20)].count(None) == 20
    assert fmean(run(0.3, 300) or 300 for _ in range(20)) < 30


def _weeks(rng: np.random.Generator, weeks: int, likeness: float) -> list[float]:
    """Mean scores of weeks whose days go up and down together: each like the day before by ``likeness``, as weather."""
    day, found = rng.normal(), []
    for _ in range(7 * weeks):
        day = likeness * day + (1.0 - likeness**2) ** 0.5 * rng.normal()
        found.append(day)
    return [fmean(found[7 * week : 7 * week + 7]) for week in range(weeks)]


def _season(weeks: list[float]) -> float:
    """The highest level of a season of weeks."""
    memory, highest = DetectorState(), 1.0
    for number, score in enumerate(weeks[8:]):
        memory = drift_step(memory, week_p(weeks[:8], score), float(number))
        highest = max(highest, memory["level"])
    return highest


ALARM = 2 * 1000 / 7


def test_weather_is_no_drift() -> None:
    """Thirty weeks whose days are alike: exchanging days as if they were independent tripped in nearly each season."""
    rng = np.random.default_rng(5)
    assert fmean(_season(_weeks(rng, 38, 0.5)) >= ALARM for _ in range(100)) <= 0.2
    assert fmean(_season(_weeks(rng, 38, 0.7)) >= ALARM for _ in range(100)) <= 0.25


def test_scores_that_shift_are_found() -> None:
    rng = np.random.default_rng(4)
    weeks = [_weeks(rng, 38, 0.3) for _ in range(50)]
    moved = [[*each[:14], *(score + 2.0 for score in each[14:])] for each in weeks]
    assert fmean(_season(each) >= ALARM for each in moved) >= 0.9


def test_a_week_is_held_against_the_first_eight_which_stay() -> None:
    days = np.full((7, 20), 1 / 20)
    memory = DetectorState()
    for week in range(8):
        memory = week_step(memory, days, float(week))
    assert memory == {"reference": [pytest.approx(0.5)] * 8}
    shifted = np.zeros((7, 20))
    shifted[:, -1] = 1.0
    after = week_step(memory, shifted, 9.0)
    assert after["reference"] == memory["reference"]
    assert after["level"] > 100
    assert week_step(memory, days[:3], 9.0) == memory, "three days are no week"
    assert restarted(after) == {}
    assert week_p([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 1.5) == pytest.approx(0.00492, abs=1e-5)


def test_one_camera_that_alarms_all_day_is_found_within_days_and_a_usual_one_never() -> None:
    """Its false alarms are lost in the mean of 24 cameras, each of which counts four a day at most."""
    alarm = 20.0 * 1000 * 24

    def days_until(mean: float) -> int | None:
        rng = np.random.default_rng(7)
        return steps_until(alarm, lambda m, n: camera_alarm_step(m, int(rng.poisson(mean)), n), 400)

    found = {mean: days_until(mean) for mean in (0.5, 2.0, 20.0, 120.0)}
    assert (found[0.5], found[2.0]) == (None, None)
    assert (found[120.0] or 99) <= 7
    assert (found[20.0] or 99) <= 10


def test_effort_that_follows_the_bears_is_no_loop_and_effort_that_follows_itself_is() -> None:
    rng = np.random.default_rng(6)
    sites = [f"site-{n}" for n in range(8)]

    def run(effort: dict[str, int], most: int) -> int | None:
        return steps_until(100, lambda m, n: loop_step(m, str(rng.choice(sites)), effort, n, 0.5), most)

    fair = dict.fromkeys(sites, 100)
    assert [run(fair, 200) for _ in range(20)].count(None) == 20
    lopsided = {site: 10 if number else 930 for number, site in enumerate(sites)}
    assert fmean(run(lopsided, 200) or 200 for _ in range(20)) < 20


def test_good_years_do_not_hide_a_loop_that_begins_after_them() -> None:
    fair, day = {"a": 100, "b": 100}, 86400.0
    memory: DetectorState = {}
    for n in range(365):
        memory = loop_step(memory, "ab"[n % 2], fair, n * day, 0.5)
    assert memory["level"] < 1e-20
    after = loop_step(memory, "a", fair, 365 * day, 0.5)
    assert after["level"] == pytest.approx(1 / 1.5, rel=0.05)
    assert after["bears"] == {"a": 184, "b": 182}


def test_a_reset_forgets_the_evidence_and_keeps_the_count() -> None:
    memory = {
        "level": 300.0,
        "levels": [1.0],
        "since": {},
        "series": [],
        "day": 7,
        "scores": {"level": 4.0, "held": [1]},
    }
    assert restarted(memory) == {"day": 7, "scores": {"held": [1]}}


def test_histograms_of_a_day_count_its_hours_alike() -> None:
    rows = [(5, [9, 0]), (5, [0, 1]), (6, [0, 0]), (2, [1, 0])]
    assert day_histograms(rows, last_day=6, days=3).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("sites", [1, 2, 4, 5, 6, 7, 20, 250])
def test_the_defaults_keep_the_budget_of_one_false_alarm_in_ninety_days(sites: int) -> None:
    """Levels that nobody has written grow with the county; they are never lower than in a small one."""
    specs = fitted(Breakers(), sites).specs()
    shares = false_alarms_per_day(specs, sites)
    assert set(shares) == {"recall_edetector", "false_alarm_rate", "drift", "loop"}
    assert sum(shares.values()) <= BUDGET_PER_DAY
    assert within_budget(specs, sites)
    assert too_eager(Breakers(), sites) == []
    for name in shares:
        level = "e_alarm" if name == "loop" else "c"
        assert specs[name].number(level) >= SPECS[name].number(level)


def test_without_growing_levels_a_county_would_break_the_budget() -> None:
    assert within_budget(SPECS, 4)
    assert not within_budget(SPECS, 20)
    levels = {name: fitted(Breakers(), 20).specs()[name].number("c") for name in ("recall_edetector", "drift")}
    assert levels == {"recall_edetector": 1200, "drift": 4000}


def test_a_level_that_somebody_wrote_stays_and_its_neighbours_may_make_room_for_it() -> None:
    kept = Breakers.model_validate({
        "recall_edetector": {"detector": "cusum_lr", "c": 180},
        "drift": {"detector": "block_perm_or_ood_betting", "scope": "site", "c": 3000},
    })  # fmt: skip
    assert fitted(kept, 4).specs()["recall_edetector"].number("c") == 180
    assert too_eager(kept, 4) == []
    alone = Breakers.model_validate({"recall_edetector": {"detector": "cusum_lr", "c": 180}})
    assert [(each.breaker, each.key, each.least) for each in too_eager(alone, 5)] == [("recall_edetector", "c", 300)]


LEVEL = st.none() | st.floats(20, 20_000)


@given(sites=st.integers(1, 400), recall=LEVEL, alarms=LEVEL, drift=LEVEL, loop=LEVEL)
def test_whoever_follows_the_advice_keeps_the_budget(
    sites: int, recall: float | None, alarms: float | None, drift: float | None, loop: float | None
) -> None:
    """Whatever is written: without a complaint the budget is kept, and after what the complaints ask for it is too."""
    written: dict[str, dict[str, object]] = {
        "recall_edetector": {"detector": "cusum_lr", "c": recall},
        "false_alarm_rate": {"detector": "betting_mix", "c": alarms},
        "drift": {"detector": "block_perm_or_ood_betting", "c": drift},
        "loop": {"detector": "effort_eprocess", "e_alarm": loop},
    }
    breakers = Breakers.model_validate(written)
    complaints = too_eager(breakers, sites)
    assert bool(complaints) != within_budget(fitted(breakers, sites).specs(), sites)
    for each in complaints:
        assert written[each.breaker][each.key] == each.written < each.least
        written[each.breaker][each.key] = each.least
    assert within_budget(fitted(Breakers.model_validate(written), sites).specs(), sites)


def test_drift_is_watched_at_each_campsite_however_far_its_trip_reaches() -> None:
    wide = {"detector": "block_perm_or_ood_betting", "scope": "rollout", "c": 1000}
    specs = Breakers.model_validate({"drift": wide}).specs()
    assert false_alarms_per_day(specs, 20)["drift"] == pytest.approx(20 / 1000)
