"""Drift and feedback loops: noticed when they are there, and not when they are not."""

from __future__ import annotations

import numpy as np
import pytest

from rollout.evidence.feedback import At, divergence, gini, loop_course, panel, shares, thinning
from rollout.evidence.stats.drift import mean_shift, psi, psi_limit, score_shift

DAY_S = 86400.0
SITES = [f"site-{number}" for number in range(8)]


def _season(power: float, seed: int, days: int = 200) -> tuple[list[float], float]:
    """A bear a day, found independently and anywhere, and twenty reviews a day that go where reviews went before.

    ``power`` 0 is no loop; 2 is a loop that feeds on itself. Returns the course of the e-value, and the Gini
    coefficient of the reviews.
    """
    rng = np.random.default_rng(seed)
    counts = np.ones(len(SITES))
    bears, reviews = [], []
    for day in range(days):
        weights = counts**power
        drawn = rng.multinomial(20, weights / weights.sum())
        counts += drawn
        for site, number in zip(SITES, drawn.tolist(), strict=True):
            reviews += [At(day * DAY_S + 60.0 * k, site) for k in range(number)]
        bears.append(At(day * DAY_S + 43200.0, SITES[int(rng.integers(len(SITES)))]))
    return [step.evalue for step in loop_course(bears, reviews, SITES)], gini((counts - 1).tolist())


def test_without_a_loop_the_evalue_never_alarms() -> None:
    assert max(max(_season(0.0, seed)[0]) for seed in range(15)) < 20


def test_a_loop_that_feeds_on_itself_is_noticed_within_weeks() -> None:
    alarms = []
    for seed in range(15):
        course, spread = _season(2.0, seed)
        alarms.append(next(day for day, evalue in enumerate(course) if evalue >= 100))
        assert spread > 0.6
    assert 10 <= np.median(alarms) <= 45


def test_bears_before_there_was_any_effort_say_nothing_and_are_remembered() -> None:
    reviews = [At(10.0 * n, "a") for n in range(30)]
    course = loop_course([At(50.0, "b"), At(250.0, "b"), At(260.0, "nowhere"), At(270.0, "b")], reviews, ["a", "b"])
    assert [step.at for step in course] == [250.0, 270.0]
    assert course[0].effort_share == 0.0
    assert course[0].evalue == pytest.approx((2 / 3) / (1.5 * 0.005))


def test_effort_is_what_was_spent_lately() -> None:
    old = [At(0.0, "a")] * 40
    new = [At(40 * DAY_S, "b")] * 40
    (step,) = loop_course([At(41 * DAY_S, "a")], [*old, *new], ["a", "b"])
    assert step.effort_share == 0.0


def test_shares_gini_and_divergence() -> None:
    assert shares({"a": 1, "b": 3}) == {"a": 0.25, "b": 0.75}
    assert shares({"a": 0.0}) == {"a": 0.0}
    assert gini([1, 1, 1, 1]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert gini([]) == 0.0
    assert divergence({"a": 9, "b": 1}, {"a": 9, "b": 1}) == pytest.approx(0.0)
    assert divergence({"a": 9, "b": 1}, {"a": 1, "b": 9}) > 1.0


def test_the_panel_divides_out_the_hours_that_were_watched() -> None:
    lines = panel(["a", "b"], {"a": 90, "b": 10}, {"a": 36000.0, "b": 3600.0}, {"a": 10, "b": 1}, {})
    assert [line.prevalence_share for line in lines] == [0.5, 0.5]
    assert [line.ratio for line in lines] == pytest.approx([1.8, 0.2])
    both = panel(["a", "b"], {}, {"a": 3600.0, "b": 3600.0}, {"a": 1, "b": 1}, {"b": 12.0})
    assert [line.prevalence_share for line in both] == [0.25, 0.75]
    assert panel(["a"], {"a": 1}, {}, {}, {})[0].ratio is None


def test_thinning_gives_every_campsite_as_many_labels() -> None:
    kept = thinning({"a": 0.8, "b": 0.2, "c": 0.0})
    assert kept == {"a": 0.25, "b": 1.0, "c": 0.0}


def test_the_stability_index_has_a_limit_that_knows_how_much_data_there_is() -> None:
    """A hundred units against five thousand, ten bins, no change: often above .1, seldom above the limit."""
    rng = np.random.default_rng(1)
    found = [
        psi(rng.multinomial(5000, [0.1] * 10).tolist(), rng.multinomial(100, [0.1] * 10).tolist()) for _ in range(1000)
    ]
    assert np.mean(found) == pytest.approx(0.097, abs=0.01)
    assert np.mean([value > 0.1 for value in found]) == pytest.approx(0.41, abs=0.06)
    assert np.mean([value > psi_limit(10, 5000, 100) for value in found]) < 0.03
    with pytest.raises(ValueError, match="bins"):
        psi([1, 2], [1, 2, 3])


def _camera_days(rng: np.random.Generator, days: int, middle: float) -> np.ndarray:
    """Score histograms of camera-days, each with its own weather: frames of one day are much alike."""
    centres = rng.normal(middle, 0.08, (days, 1))
    scores = np.clip(centres + rng.normal(0, 0.03, (days, 200)), 0, 0.999)
    return np.stack([np.bincount((row * 20).astype(int), minlength=20) for row in scores]).astype(float)


def test_frames_of_one_day_are_alike_so_days_are_exchanged() -> None:
    from scipy.stats import ks_2samp  # type: ignore[import-untyped]  # it has no types

    rng = np.random.default_rng(2)
    by_frames = by_days = 0
    for run in range(60):
        before, after = _camera_days(rng, 28, 0.3), _camera_days(rng, 28, 0.3)
        frames = [np.repeat(np.arange(20), side.sum(axis=0).astype(int)) for side in (before, after)]
        by_frames += ks_2samp(*frames, method="asymp").pvalue < 0.01
        by_days += score_shift(before, after, permutations=199, seed=run).p_value < 0.05
    assert by_frames / 60 > 0.6
    assert by_days / 60 <= 0.12
    moved = score_shift(_camera_days(rng, 28, 0.3), _camera_days(rng, 28, 0.42), permutations=199)
    assert moved.p_value <= 0.01
    assert moved.size > 0.3


def test_a_change_of_rate_is_told_from_chance() -> None:
    rng = np.random.default_rng(3)
    same = mean_shift(rng.poisson(3, 60).tolist(), rng.poisson(3, 60).tolist(), permutations=499)
    more = mean_shift(rng.poisson(3, 60).tolist(), rng.poisson(6, 60).tolist(), permutations=499)
    assert same.p_value > 0.05
    assert more.p_value < 0.01
    assert more.size == pytest.approx(3, abs=1)
    with pytest.raises(ValueError, match="at least one camera-day"):
        mean_shift([], [1.0])
