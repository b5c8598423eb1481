"""Bounds that may be computed every day: how often each ever crosses, by simulated seasons of daily analyses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from rollout.base.metrics import METRICS, Measured
from rollout.control.forecast import needed
from rollout.evidence.stats import plain
from rollout.evidence.stats.distributions import gamma_at_most
from rollout.evidence.stats.paired import paired_difference
from rollout.evidence.stats.proportions import E_PASS, clopper_pearson_lower, recall_evalue
from rollout.evidence.stats.rates import anytime_upper, poisson_upper, rate_log_evalue, rate_of
from rollout.evidence.stats.weighted import audited_recall
from rollout.stages.gates import ANYTIME, GateOutcome, assess_gate
from rollout.stages.spec import Gate

FALSE_ALARMS = Gate(metric="false_alarms_per_camera_day", bound="quasipoisson_upper", op="<=", value=0.5)
FIRST, DAYS, CAMERAS = 14, 120, 4
ERROR = 0.02
"""Three standard errors of a share of 5 % in a thousand seasons."""


def test_an_upper_bound_for_any_number_of_analyses_is_wider_by_little() -> None:
    assert [anytime_upper(count, 1.0) for count in (0, 10, 100)] == pytest.approx([4.51, 21.8, 133.8], rel=0.005)
    assert [poisson_upper(count, 1.0) for count in (0, 10, 100)] == pytest.approx([3.0, 17.0, 118.1], rel=0.005)
    assert rate_log_evalue(10, anytime_upper(10, 1.0)) == pytest.approx(np.log(E_PASS), abs=0.01)
    assert anytime_upper(10, 40.0) == pytest.approx(anytime_upper(10, 1.0) / 40)
    assert anytime_upper(3.4, 1.0) < anytime_upper(3.5, 1.0)
    with pytest.raises(ValueError, match="exposure must be positive"):
        anytime_upper(1, 0.0)
    for mean, count in ((0.5, 2.0), (30.0, 10.4), (3.0, 200.0)):
        assert plain.gamma_at_most(mean, count) == pytest.approx(gamma_at_most(mean, count))


def test_the_mean_of_the_rate_s_evalue_is_one_when_the_rate_is_what_it_speaks_against() -> None:
    counts = np.arange(80)
    logs = np.array([rate_log_evalue(int(count), 12.0) for count in counts])
    weights = np.exp(counts * np.log(12.0) - 12.0 - np.cumsum(np.log(np.maximum(counts, 1))))
    assert float((np.exp(logs) * weights).sum()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shape", [None, 0.3], ids=["single", "clumps"])
def test_false_alarms_exactly_at_the_limit_seldom_cross_it_in_a_season_of_daily_analyses(shape: float | None) -> None:
    """Four cameras, 120 days, analysed daily from the 14th on; clumps as raccoons make them."""
    counts = _false_alarms(0.5, shape, 1000)
    assert _ever(counts, _once) > 0.18
    assert _ever(counts, _often) <= 0.05 + ERROR


def test_what_the_daily_bound_of_false_alarms_costs() -> None:
    """At .3 a camera-day in clumps nearly all pass in the end; at .4 two seasons in three do by one analysis."""
    assert _ever(_false_alarms(0.3, 0.3, 300), _often) > 0.94
    assert _ever(_false_alarms(0.4, 0.3, 300), _often) == pytest.approx(0.40, abs=0.09)
    assert _once(*(part[:, -1] for part in _effective(_false_alarms(0.4, 0.3, 300)))).mean() == pytest.approx(
        0.66, abs=0.09
    )


def test_the_bound_of_a_rate_is_the_evalue_that_the_simulation_uses() -> None:
    counts = _false_alarms(0.4, 0.3, 20)
    count, exposure = (part[:, -1] for part in _effective(counts))
    rates = [rate_of(season.ravel().tolist(), [1.0] * season.size) for season in counts]
    assert [rate.bounds["anytime_upper"] <= 0.5 for rate in rates] == _often(count, exposure).tolist()
    assert [rate.quasipoisson_upper <= 0.5 for rate in rates] == _once(count, exposure).tolist()


def _false_alarms(rate: float, shape: float | None, seasons: int) -> NDArray[np.int64]:
    """Of each season, day and camera."""
    rng = np.random.default_rng(11)
    size = (seasons, DAYS, CAMERAS)
    return rng.poisson(rng.gamma(shape, rate / shape, size) if shape else np.full(size, rate))


def _effective(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count and camera-days up to each day, divided by the dispersion so far."""
    n = np.arange(1, DAYS + 1) * CAMERAS
    total, squares = (part.sum(axis=2).cumsum(axis=1) for part in (counts, counts**2))
    mean = np.maximum(total / n, 1e-9)
    phi = np.maximum(1.0, (squares - n * mean**2) / (n - 1) / mean)
    return total / phi, n / phi


def _ever(counts: NDArray[np.int64], passes: Callable[..., NDArray[np.bool_]]) -> float:
    count, exposure = (part[:, FIRST - 1 :] for part in _effective(counts))
    return float(passes(count, exposure).any(axis=1).mean())


def _once(count: NDArray[np.float64], exposure: NDArray[np.float64]) -> NDArray[np.bool_]:
    from scipy.special import gammaincinv  # type: ignore[import-untyped]  # it has no types

    return np.asarray(gammaincinv(count + 1, 0.95) / exposure <= 0.5)


def _often(count: NDArray[np.float64], exposure: NDArray[np.float64]) -> NDArray[np.bool_]:
    from scipy.special import gammainc, gammaln

    mean = 0.5 * exposure
    with np.errstate(divide="ignore"):
        logs = mean + np.log(gammainc(count + 1, mean)) + gammaln(count + 1) - (count + 1) * np.log(mean)
    return np.asarray(logs >= np.log(E_PASS))


def test_a_model_no_better_than_motion_seldom_looks_better_in_a_season_of_daily_analyses() -> None:
    """120 bear-nights, three in ten on which model and motion differ, wins and losses alike."""
    better = {
        "once": cache(lambda wins, losses: clopper_pearson_lower(wins, wins + losses) > 0.5),
        "often": cache(lambda wins, losses: recall_evalue(wins, losses, 0.5) >= E_PASS),
    }
    at_least = {"equal": _better(0.5, better), "better": _better(0.8, better)}
    assert at_least["equal"]["once"] > 0.10
    assert at_least["equal"]["often"] <= 0.05 + ERROR
    assert at_least["better"]["often"] > 0.87  # one analysis at the end: .98


def _better(share: float, better: Mapping[str, Callable[[int, int], bool]]) -> dict[str, float]:
    rng = np.random.default_rng(12)
    differ = rng.random((1000, 120)) < 0.3
    wins = differ & (rng.random((1000, 120)) < share)
    won, lost = wins.cumsum(axis=1), (differ & ~wins).cumsum(axis=1)
    seasons = list(zip(won[:, 20:].tolist(), lost[:, 20:].tolist(), strict=True))
    return {name: float(np.mean([any(map(says, *season)) for season in seasons])) for name, says in better.items()}


def test_the_daily_bound_of_a_difference_agrees_with_the_evalue_of_its_wins() -> None:
    for wins, losses in ((7, 0), (8, 0), (9, 1), (12, 1), (3, 9)):
        model = [True] * wins + [False] * losses + [True] * 20
        baseline = [False] * wins + [True] * losses + [True] * 20
        found = paired_difference(model, baseline)
        assert (found.anytime_lower > 0) == (recall_evalue(wins, losses, 0.5) >= E_PASS)
        assert found.anytime_lower < found.lower
        assert found.bounds == {"paired_lower": found.lower, "anytime_lower": found.anytime_lower}


@pytest.mark.parametrize(
    ("truth", "visits", "gamma", "anytime"),
    [(0.70, 12, 0.025, 0.0), (0.75, 12, 0.09, 0.02), (0.75, 24, 0.10, 0.02), (0.95, 12, 0.99, 0.95)],
)
def test_recall_by_audits_analysed_daily_for_60_days(truth: float, visits: int, gamma: float, anytime: float) -> None:
    """Twenty cameras, 45 sheets and so many visits a day; auditors overlook one planted bear in twenty. The gate is
    .75: a weak model passes the bound for one analysis seldom, one at the gate more often than it should."""
    rng = np.random.default_rng(13)
    seasons = np.array([_audited(rng, truth, visits) for _ in range(120)])
    assert seasons.mean(axis=0) == pytest.approx([gamma, anytime], abs=0.05)
    if truth <= 0.75:
        assert seasons[:, 1].mean() <= 0.05 + ERROR


def _audited(rng: np.random.Generator, truth: float, visits: int, days: int = 60) -> tuple[bool, bool]:
    """Whether each bound ever reached the gate. Every sheet weighs as much as one can at most."""
    weight = 20 * 24 / 25
    came = rng.poisson(visits, days)
    seen = rng.binomial(came, truth)
    found = rng.binomial(came - seen, 0.95 / weight).cumsum()
    planted = rng.binomial(5, 0.95, days).cumsum()
    gamma = anytime = False
    for day in range(FIRST - 1, days):
        least = clopper_pearson_lower(int(planted[day]), 5 * (day + 1))
        result = audited_recall(int(seen[: day + 1].sum()), [weight] * int(found[day]), weight, least)
        gamma, anytime = gamma or result.lower >= 0.75, anytime or result.anytime_lower >= 0.75
        if gamma and anytime:
            break
    return gamma, anytime


def test_the_daily_bound_by_audits_is_the_evalue_of_what_came_to_be_known() -> None:
    result = audited_recall(200, [10.0, 5.0, 5.0], 10.0, 0.9, found=2)
    share = result.anytime_lower / (result.anytime_lower + (1 - result.anytime_lower) * 0.09)
    assert recall_evalue(200, 2, share) == pytest.approx(E_PASS, rel=0.02)
    assert result.anytime_lower < result.lower < result.recall
    assert audited_recall(200, [10.0, 5.0, 5.0], 10.0, 0.9).anytime_lower < result.anytime_lower


def test_where_one_may_analyse_daily_every_bound_of_the_plan_has_one_that_allows_for_it() -> None:
    for name, kind in METRICS.items():
        for bound in kind.bounds:
            if bound in ANYTIME and name != "camper_warning_precision":  # nobody is warned in shadow
                assert ANYTIME[bound] in kind.bounds, name


def test_the_gate_on_false_alarms_asks_for_more_where_it_is_analysed_daily() -> None:
    rate = rate_of([0, 1] * 9, [1.0] * 18)
    measured = Measured(FALSE_ALARMS.metric, 0.25, rate.bounds, rate.exposure, "camera-days")
    limit = Gate(metric=FALSE_ALARMS.metric, bound="quasipoisson_upper", op="<=", value=1.0)
    once, often = (assess_gate(limit, measured, often) for often in (False, True))
    assert (once.outcome, often.outcome) == (GateOutcome.PASSED, GateOutcome.INCONCLUSIVE)
    assert (needed(limit, None), needed(limit, None, often=True)) == pytest.approx((3.0, 4.51), rel=0.01)
