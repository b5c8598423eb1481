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
    day_histograms,
    drift_step,
    false_alarm_step,
    loop_step,
    permutation_p,
    recall_step,
    restarted,
    unknown_step,
)
from rollout.breakers.false_trip_budget import BUDGET_PER_DAY, false_alarms_per_day, fitted, too_eager, within_budget

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
            200, lambda m, n: recall_step(m, bool(rng.random() < miss), n, SPECS["recall_edetector"]), most
        )

    good = [run(0.10, 400) for _ in range(40)]
    assert sum(steps is not None for steps in good) <= 40 * 400 / 200, (
        "at most one false alarm in two hundred encounters"
    )
    bad = [run(0.50, 400) for _ in range(40)]
    assert all(bad)
    assert np.median([steps or 400 for steps in bad]) <= 16


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


def _days(rng: np.random.Generator, days: int, shift: float = 0.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Histograms of days whose scores go up and down together, as weather makes them."""
    weather = rng.normal(0, 0.5, days)[:, None]
    bins = np.arange(20)[None, :]
    weights = np.exp(-bins * (0.6 + 0.1 * weather) / (1 + shift))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def test_days_that_are_only_days_are_no_drift_and_a_shift_is() -> None:
    rng = np.random.default_rng(4)
    same = [permutation_p(_days(rng, 35), permutations=199, seed=n) or 0.0 for n in range(200)]
    assert fmean(p <= 0.05 for p in same) <= 0.09
    moved = [
        permutation_p(np.vstack([_days(rng, 28), _days(rng, 7, shift=0.5)]), permutations=199, seed=n) or 1.0
        for n in range(20)
    ]
    assert max(moved) <= 0.05
    assert permutation_p(_days(rng, 20)) is None, "too few days to say anything"


def test_weekly_comparisons_of_a_year_trip_less_often_than_their_budget() -> None:
    """Neighbouring comparisons share days: the budget is checked on whole years of weeks, not on single ones."""
    rng = np.random.default_rng(5)
    alarm, tripped = 2 * 1000 / 7, 0
    for year in range(40):
        days = _days(rng, 35 + 364)
        memory: DetectorState = {}
        for week in range(52):
            p = permutation_p(days[7 * week : 7 * week + 35], permutations=199, seed=year * 100 + week)
            memory = drift_step(memory, p or 1.0, week)
            tripped += memory["level"] >= alarm
    assert tripped <= 40 * 52 / alarm


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
    assert levels == {"recall_edetector": 1000, "drift": 4000}


def test_a_level_that_somebody_wrote_stays_and_its_neighbours_may_make_room_for_it() -> None:
    kept = Breakers.model_validate({
        "recall_edetector": {"detector": "cusum_lr", "c": 180},
        "drift": {"detector": "block_perm_or_ood_betting", "scope": "site", "c": 3000},
    })  # fmt: skip
    assert fitted(kept, 4).specs()["recall_edetector"].number("c") == 180
    assert too_eager(kept, 4) == []
    alone = Breakers.model_validate({"recall_edetector": {"detector": "cusum_lr", "c": 180}})
    assert [(each.breaker, each.key, each.least) for each in too_eager(alone, 5)] == [("recall_edetector", "c", 250)]


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
