"""Detectors that are asked at any moment: how seldom they raise false alarms, and how soon they notice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from rollout.evidence.stats.change_detectors import (
    BETS,
    HIGHEST,
    BettingMixture,
    bernoulli_ratio,
    ecusum_step,
    expected_shares,
    loop_eprocess_step,
    loop_ratio,
    sr_mixture_step,
)

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]


def _first_alarm(draw: Draw, c: float, runs: int, longest: int, seed: int = 1) -> NDArray[np.float64]:
    """When many e-CUSUMs at once alarm, ``longest`` for those that never do. ``draw`` gives each run's next ratio."""
    rng = np.random.default_rng(seed)
    level, alarm = np.ones(runs), np.full(runs, float(longest))
    waiting = np.ones(runs, dtype=bool)
    for step in range(1, longest + 1):
        level = np.maximum(level, 1.0) * draw(rng, runs)
        now = waiting & (level >= c)
        alarm[now], waiting = step, waiting & ~now
        if not waiting.any():
            break
    return alarm


def test_the_steps_are_those_that_were_simulated() -> None:
    level = 1.0
    for missed in (True, False, True):
        level = ecusum_step(level, bernoulli_ratio(missed, 0.1, 0.3))
    assert level == pytest.approx(3 * (0.7 / 0.9) * 3)
    assert ecusum_step(0.2, 2.0) == 2.0


def _mixture_alarms(share: float, c: float, runs: int, longest: int) -> NDArray[np.float64]:
    """The mixture of :func:`sr_mixture_step`, many at once, with a closed form of its own."""
    rng, levels = np.random.default_rng(5), np.zeros((4, runs))
    worse = np.array([0.17, 0.25, 0.40, 0.60])[:, None]
    alarm, waiting = np.full(runs, float(longest)), np.ones(runs, dtype=bool)
    for step in range(1, longest + 1):
        missed = rng.random(runs) < share
        levels = (1 + levels) * np.where(missed, worse / 0.1, (1 - worse) / 0.9)
        now = waiting & (levels.mean(axis=0) >= c)
        alarm[now], waiting = step, waiting & ~now
    return alarm


def test_the_recall_detector_seldom_raises_a_false_alarm_and_notices_soon() -> None:
    """c = 100: at least that many good encounters between false alarms; a bad model is noticed after 14, 7 or 4."""
    assert 100 < _mixture_alarms(0.1, 100, 400, 1500).mean() < 400, "the promise is kept, and made use of"
    assert _mixture_alarms(0.03, 100, 400, 1500).mean() > 1200
    for share, median in ((0.3, 14), (0.5, 7), (0.8, 4)):
        assert np.median(_mixture_alarms(share, 100, 1000, 400)) == pytest.approx(median, abs=2)


def test_the_mixture_steps_as_it_was_simulated_and_stays_finite() -> None:
    levels: tuple[float, ...] = ()
    for missed in (True, False, True):
        levels = sr_mixture_step(levels, missed, 0.1, 0.3)
    by_hand = [((1 + (1 + p / 0.1) * (1 - p) / 0.9) * p / 0.1) for p in (0.17, 0.25, 0.40, 0.60)]
    assert levels == pytest.approx(by_hand)
    for _ in range(100):
        levels = sr_mixture_step(levels, True, 0.3, 0.6)
    assert max(levels) == HIGHEST


def _clumps(mean: float, cameras: int) -> Callable[[np.random.Generator, int], NDArray[np.int64]]:
    return lambda rng, runs: rng.poisson(rng.gamma(0.3, mean / 0.3, (cameras, runs)))


def _betting_alarms(mean: float, c: float, runs: int, longest: int) -> NDArray[np.float64]:
    """The betting mixture of :class:`BettingMixture`, many at once, 20 cameras."""
    rng, draw = np.random.default_rng(2), _clumps(mean, 20)
    bets, levels = np.array(BETS)[:, None], np.ones((len(BETS), runs))
    alarm, waiting = np.full(runs, float(longest)), np.ones(runs, dtype=bool)
    for day in range(1, longest + 1):
        y = np.minimum(draw(rng, runs), 4).mean(axis=0) / 4
        levels = np.maximum(levels, 1.0) * (1 + bets * (y - 0.125))
        now = waiting & (levels.mean(axis=0) >= c)
        alarm[now], waiting = day, waiting & ~now
    return alarm


def test_betting_on_false_alarms_holds_for_clumps_where_a_likelihood_ratio_does_not() -> None:
    assert _betting_alarms(0.5, 500, 40, 600).min() == 600
    for times, (soonest, latest) in ((2, (13, 27)), (3, (8, 14)), (6, (5, 9))):
        assert soonest <= np.median(_betting_alarms(0.5 * times, 500, 200, 120)) <= latest
    one_camera = _clumps(0.5, 1)
    counted = _first_alarm(lambda rng, runs: 3.0 ** one_camera(rng, runs)[0] * np.exp(0.5 - 1.5), 500, 150, 500)
    assert counted.mean() < 100  # it promises at least 500


def test_the_betting_mixture_does_what_was_simulated() -> None:
    watch = BettingMixture(mean=0.5, cap=4)
    assert watch.level == 1.0
    after = watch.step([0, 4, 9])  # 9 counts as 4
    expected = [1 + bet * (2 / 3 - 0.125) for bet in BETS]
    assert after.levels == pytest.approx(expected)
    assert after.level == pytest.approx(sum(expected) / 4)
    assert after.step([]) is after


@pytest.mark.parametrize(
    ("mean", "cap", "bets"), [(0.0, 4, BETS), (4, 4, BETS), (0.5, 4, (9.0,)), (0.5, 4, (0.0, 1.0))]
)
def test_a_bet_that_could_lose_more_than_it_has_is_refused(mean: float, cap: float, bets: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"mean|bets"):
        BettingMixture(mean, cap, bets)


def test_the_loop_evalue_is_fair_as_long_as_effort_follows_the_bears() -> None:
    """Under any spread of bears of at most 1.5 times the effort, the next e-value's mean is at most the present one."""
    bears, effort = (0.3, 0.45, 0.25), (0.2, 0.3, 0.5)
    guess = expected_shares({"a": 1, "b": 4, "c": 0}, ["a", "b", "c"])
    mean = sum(
        share * loop_eprocess_step(7.0, guess[site], spent, 0.5)
        for site, share, spent in zip("abc", bears, effort, strict=True)
    )
    assert mean <= 7.0
    assert loop_eprocess_step(7.0, 0.5, 0.1, 0.5) == pytest.approx(7 * 0.5 / 0.15)


def test_a_forgotten_campsite_is_strong_but_not_infinite_evidence() -> None:
    assert loop_ratio(0.5, 0.0) == pytest.approx(0.5 / (1.5 * 0.005))
    with pytest.raises(ValueError, match="negative"):
        loop_ratio(0.5, 0.5, -0.1)
