"""On and off nights, and hours of blind watching, are decided at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rollout.evidence.on_off_nights import NightOutcome, NightPlan, effect
from rollout.evidence.random_watches import Slot, choose, slots

PLAN = NightPlan(("lower", "upper"), "2027-06-01", 28, 4, "seed")


def test_half_of_every_block_is_on_and_the_seed_alone_decides() -> None:
    for site in PLAN.campsites:
        assignments = [PLAN.is_on(site, night) for night in PLAN.all_nights()]
        assert all(sum(map(bool, assignments[first : first + 4])) == 2 for first in range(0, 28, 4))
        assert assignments == [replace(PLAN).is_on(site, night) for night in PLAN.all_nights()]
    sites = [[PLAN.is_on(site, night) for night in PLAN.all_nights()] for site in PLAN.campsites]
    assert sites[0] != sites[1]
    other = replace(PLAN, seed="another")
    assert [other.is_on("upper", night) for night in PLAN.all_nights()] != sites[1]


def test_outside_of_the_experiment_it_says_nothing() -> None:
    assert PLAN.is_on("upper", "2027-05-31") is None
    assert PLAN.is_on("upper", "2027-06-29") is None
    assert PLAN.is_on("elsewhere", "2027-06-01") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": 3}, "even"),
        ({"nights": 2}, "at least one block"),
        ({"campsites": ()}, "at least one campsite"),
        ({"first_night": "June"}, "write its evening"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PLAN, **change)  # type: ignore[arg-type]  # wrong on purpose


def _outcomes(plan: NightPlan, adds: float, seed: int) -> list[NightOutcome]:
    rng = np.random.default_rng(seed)
    found = []
    for site in plan.campsites:
        for night in plan.all_nights():
            on = bool(plan.is_on(site, night))
            found.append(NightOutcome(site, night, on, float(rng.poisson(1.0)) + adds * on))
    return found


def test_the_effect_of_help_is_found_and_its_interval_holds_the_truth() -> None:
    covered = 0
    for seed in range(40):
        plan = replace(PLAN, seed=str(seed))
        found = effect(_outcomes(plan, 2.0, seed), plan, permutations=399)
        assert found is not None
        assert found.p_value < 0.01
        covered += found.lower <= 2.0 <= found.upper
    assert covered >= 35


def test_no_effect_is_seldom_taken_for_one() -> None:
    surprising = 0
    for seed in range(60):
        plan = replace(PLAN, seed=str(seed))
        found = effect(_outcomes(plan, 0.0, seed), plan, permutations=199)
        assert found is not None
        surprising += found.p_value < 0.05
    assert surprising <= 8


def test_without_off_nights_there_is_no_effect_to_speak_of() -> None:
    on = [each for each in _outcomes(PLAN, 1.0, 1) if each.on]
    assert effect(on, PLAN) is None
    assert effect([], PLAN) is None


def test_hours_to_draw_are_evenings_nights_and_mornings_by_the_local_clock() -> None:
    begin = 1_800_000_000.0 // 86400 * 86400
    found = slots({"upper": "America/Los_Angeles"}, begin, begin + 7 * 86400)
    assert len(found) == 7 * 14
    assert all(slot.starts_at % 3600 == 0 for slot in found)


def test_at_least_a_tenth_of_the_watch_hours_is_drawn_each_with_the_same_chance() -> None:
    options = [Slot("upper", hour * 3600.0) for hour in range(40)]
    assert len(choose(options, 35, "s")) == 4
    assert len(choose(options, 0, "s")) == 1
    assert choose([], 35, "s") == []
    assert choose(options, 35, "s") == choose(options, 35, "s")
    drawn = np.zeros(40)
    for seed in range(1500):
        for slot in choose(options, 35, str(seed)):
            drawn[int(slot.starts_at // 3600)] += 1
    assert drawn.sum() == 6000
    assert drawn.max() / 1500 < 0.135
    assert drawn.min() / 1500 > 0.065
    with pytest.raises(ValueError, match="10%"):
        choose(options, 35, "s", share=0.05)
