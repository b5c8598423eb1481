"""Which camera-hours are looked at: every one can be, with a probability that is known and never too small."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest

from rollout.evidence.audits.audit_sampling import LARGEST_WEIGHT_RATIO, DrawPlan, Hour, draw, minutes_of, probabilities

PLAN = DrawPlan()


def _hours(count: int, seed: int = 0) -> list[Hour]:
    rng = np.random.default_rng(seed)
    scores = rng.beta(0.4, 4, count)
    return [
        Hour(n, f"site-{n % 3}", f"camera-{n % 6}", n // 6 * 3600.0, n % 2 == 0, n % 5 > 0, float(scores[n]))
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [46, 60, 480, 2000])
def test_probabilities_add_up_and_no_weight_is_too_large(count: int) -> None:
    chances = probabilities(_hours(count), PLAN)
    assert sum(chances) == pytest.approx(45)
    assert max(chances) <= 1.0
    assert 1 / min(chances) <= LARGEST_WEIGHT_RATIO * count / 45


def test_hours_with_higher_scores_are_likelier_and_the_others_not_forgotten() -> None:
    hours = _hours(480)
    chances = probabilities(hours, PLAN)
    ordered = [chance for _, chance in sorted(zip((h.max_score for h in hours), chances, strict=True))]
    assert ordered == sorted(ordered)
    assert ordered[-1] > 2 * ordered[0]


def test_few_hours_are_all_looked_at() -> None:
    hours = _hours(30)
    assert probabilities(hours, PLAN) == [1.0] * 30
    assert sorted(draw(hours, [1.0] * 30, Random(1))) == list(range(30))


def test_an_hour_that_is_taken_for_certain_leaves_the_rest_to_the_others() -> None:
    hours = [Hour(n, "a", "c", 0.0, True, True, 1.0 if n < 3 else 1e-9) for n in range(50)]
    chances = probabilities(hours, DrawPlan(alike=4, by_score=8))
    assert sum(chances) == pytest.approx(12)
    assert max(chances) <= 1.0


def test_every_hour_is_drawn_as_often_as_its_probability_says() -> None:
    hours = _hours(120, seed=2)
    chances = probabilities(hours, PLAN)
    drawn: Counter[int] = Counter()
    for seed in range(1500):
        chosen = draw(hours, chances, Random(seed))
        assert len(chosen) == len(set(chosen)) == 45
        drawn.update(chosen)
    found = np.array([drawn[n] / 1500 for n in range(120)])
    assert np.abs(found - chances).max() < 0.055
    assert np.mean(found - chances) == pytest.approx(0, abs=1e-9)


def test_every_stratum_gets_its_share_of_sheets() -> None:
    hours = _hours(480)
    chances = probabilities(hours, PLAN)
    expected: Counter[str] = Counter()
    for hour, chance in zip(hours, chances, strict=True):
        expected[hour.stratum] += chance  # type: ignore[assignment]  # a Counter of shares
    for seed in range(20):
        got = Counter(hours[index].stratum for index in draw(hours, chances, Random(seed)))
        assert all(abs(got[stratum] - expected[stratum]) < 1.0 for stratum in expected)


@pytest.mark.parametrize(("alike", "by_score"), [(0, 10), (5, 20), (0, 0), (-1, 5)])
def test_a_draw_that_could_give_huge_weights_is_refused(alike: int, by_score: int) -> None:
    with pytest.raises(ValueError, match=r"sheet|weights"):
        DrawPlan(alike, by_score)


def test_thumbnails_know_their_minute() -> None:
    assert minutes_of(0b1011, 3) == [0, 1, 3]
    assert minutes_of(2**60 - 1, 60) == list(range(60))
    assert minutes_of(2**60 - 1, 2) == [15, 45]
    assert minutes_of(0b1, 3) == [0, 0, 0]
    assert minutes_of(0, 1) == [30]
