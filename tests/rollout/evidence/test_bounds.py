"""Bounds keep what they promise: counted exactly where that is possible, simulated where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, multinomial  # type: ignore[import-untyped]  # it has no types

from rollout.evidence.stats.paired import paired_difference
from rollout.evidence.stats.proportions import (
    anytime_lower,
    clopper_pearson_lower,
    clopper_pearson_upper,
    effective,
    first_of_each,
    needed_for_evalue,
    needed_for_power,
    needed_n,
    recall_evalue,
)
from rollout.evidence.stats.rates import poisson_upper, rate_of
from rollout.evidence.stats.survival import kaplan_meier, share_within, time_until


@pytest.mark.parametrize(
    ("bound", "needed"),
    [
        (0.90, [29, 46, 61, 76, 89, 103]),
        (0.80, [14, 22, 30, 37, 44, 50]),
        (0.95, [59, 93, 124, 153, 181, 208]),
    ],
)
def test_how_many_encounters_a_bound_takes(bound: float, needed: list[int]) -> None:
    assert [needed_n(bound, misses) for misses in range(6)] == needed


def test_how_many_encounters_a_good_model_takes_to_pass() -> None:
    assert [needed_for_power(recall, 0.90) for recall in (0.99, 0.98, 0.97, 0.95, 0.93)] == [46, 61, 76, 179, 549]
    assert needed_for_power(0.90, 0.90) is None


def test_the_exact_bound_covers_at_least_what_it_promises_for_every_truth() -> None:
    for n in (20, 46, 120):
        bounds = np.array([clopper_pearson_lower(hits, n) for hits in range(n + 1)])
        for truth in np.linspace(0.6, 0.99, 14):
            assert binom.pmf(np.arange(n + 1), n, truth)[bounds <= truth].sum() >= 0.95


def test_bounds_agree_with_another_library() -> None:
    from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]  # it has no types

    low, high = proportion_confint(57, 61, alpha=0.10, method="beta")
    assert clopper_pearson_lower(57, 61) == pytest.approx(low)
    assert clopper_pearson_upper(57, 61) == pytest.approx(high)


def test_a_count_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="5 hits of 4"):
        clopper_pearson_lower(5, 4)
    assert clopper_pearson_lower(0, 0) == 0.0
    assert clopper_pearson_upper(0, 0) == 1.0


def test_clustered_encounters_need_the_first_of_each_night_or_the_design_effect() -> None:
    """Three visits a bear-night that go together (rho .3): the naive bound covers .90, the others what they promise."""
    rng = np.random.default_rng(4)
    runs, nights, truth, concentration = 600, 80, 0.9, 1 / 0.3 - 1
    chance = rng.beta(truth * concentration, (1 - truth) * concentration, (runs, nights, 1))
    seen = rng.random((runs, nights, 3)) < chance
    covered = {"naive": 0, "effective": 0, "first": 0}
    for run in seen:
        hits = int(run.sum())
        thinned = effective(run.sum(axis=1).tolist(), [3] * nights)
        first = first_of_each((night, bool(visit)) for night, visits in enumerate(run) for visit in visits)
        covered["naive"] += clopper_pearson_lower(hits, 3 * nights) <= truth
        covered["effective"] += clopper_pearson_lower(thinned.hits, thinned.n) <= truth
        covered["first"] += clopper_pearson_lower(sum(first), nights) <= truth
    shares = {name: count / runs for name, count in covered.items()}
    assert shares["naive"] == pytest.approx(0.900, abs=0.03)
    assert shares["effective"] == pytest.approx(0.949, abs=0.025)
    assert shares["first"] == pytest.approx(0.965, abs=0.025)


def test_encounters_without_any_spread_are_taken_as_they_are() -> None:
    assert effective([3, 3], [3, 3]).deff == 1.0
    assert effective([2], [3]).deff == 1.0


def test_the_evalue_needs_as_many_encounters_as_was_worked_out() -> None:
    assert [needed_for_evalue(0.90, misses) for misses in range(5)] == [41, 62, 82, 100, 117]
    assert recall_evalue(40, 0) < 20 <= recall_evalue(41, 0)
    assert anytime_lower(41, 0) == pytest.approx(0.90, abs=0.005)
    with pytest.raises(ValueError, match="between 0 and 1"):
        recall_evalue(3, 0, 1.0)


def test_looking_every_day_promotes_weak_models_unless_the_evalue_is_asked() -> None:
    """True recall .90, four encounters a day for thirty days: one analysis .036, daily .112, the e-value .024."""
    at_bound = np.array([needed_n(0.90, misses) for misses in range(40)])
    at_evalue = np.array([needed_for_evalue(0.90, misses) for misses in range(40)])
    rng, n = np.random.default_rng(0), np.arange(1, 121)

    def promoted(recall: float) -> tuple[float, float, float]:
        misses = np.minimum(np.cumsum(rng.random((8000, 120)) >= recall, axis=1), 39)
        bound, evalue = n >= at_bound[misses], n >= at_evalue[misses]
        return bound[:, -1].mean(), bound[:, 3::4].any(axis=1).mean(), evalue[:, 3::4].any(axis=1).mean()

    assert promoted(0.90) == pytest.approx((0.036, 0.112, 0.024), abs=0.012)
    assert promoted(0.95) == pytest.approx((0.604, 0.729, 0.372), abs=0.02)
    assert promoted(0.97) == pytest.approx((0.925, 0.960, 0.765), abs=0.02)


def test_a_model_below_the_gate_is_rarely_promoted_and_a_good_one_mostly() -> None:
    """Recall .85 passes the .90 gate at 46 encounters in far less than 5 % of all cases, .97 in most at 76."""
    assert binom.cdf(1, 46, 0.15) < 0.05
    assert binom.cdf(3, 76, 0.03) > 0.8


@pytest.mark.parametrize(("wins", "losses"), [(0.0, 0.1), (0.1, 0.1), (0.3, 0.05), (0.0, 0.3)])
def test_the_paired_bound_covers(wins: float, losses: float) -> None:
    n, covered = 20, 0.0
    for w in range(n + 1):
        for x in range(n + 1 - w):
            chance = multinomial.pmf([w, x, n - w - x], n, [wins, losses, 1 - wins - losses])
            if chance > 1e-6:
                model = [True] * w + [False] * (n - w)
                baseline = [False] * w + [True] * x + [False] * (n - w - x)
                covered += chance * (paired_difference(model, baseline).lower <= wins - losses)
    assert covered >= 0.95


def test_silence_bounds_a_rate() -> None:
    assert [poisson_upper(0, 1.0) / rate for rate in (0.5, 0.2, 0.1)] == pytest.approx([6, 15, 30], abs=0.05)
    assert poisson_upper(0, 30) == pytest.approx(0.0999, abs=0.001)
    with pytest.raises(ValueError, match="exposure"):
        poisson_upper(1, 0)


def test_poisson_bounds_agree_with_another_library() -> None:
    from statsmodels.stats.rates import confint_poisson  # type: ignore[import-untyped]  # it has no types

    _, high = confint_poisson(7, 40, method="exact-c", alpha=0.10)
    assert poisson_upper(7, 40) == pytest.approx(high)


def test_clumps_of_false_alarms_need_the_dispersion() -> None:
    """Clumps of shape .3 over 120 camera-days: the exact bound covers .84, with the dispersion .935."""
    rng = np.random.default_rng(5)
    plain = quasi = 0
    for counts in rng.poisson(rng.gamma(0.3, 0.5 / 0.3, (800, 120))).tolist():
        rate = rate_of(counts, [1.0] * 120)
        plain += rate.poisson_upper >= 0.5
        quasi += rate.quasipoisson_upper >= 0.5
    assert plain / 800 == pytest.approx(0.84, abs=0.03)
    assert quasi / 800 == pytest.approx(0.935, abs=0.025)


def test_a_rate_is_over_the_time_in_which_somebody_looked() -> None:
    rate = rate_of([0, 2, 0], [0.5, 0.5, 0.0])
    assert (rate.count, rate.exposure, rate.point) == (2, 1.0, 2.0)
    assert rate.quasipoisson_upper >= rate.poisson_upper
    with pytest.raises(ValueError, match="nobody was watching"):
        rate_of([1], [0.0])


def test_a_better_model_is_shown_to_be_better_exactly_when_mcnemar_says_so() -> None:
    from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]  # it has no types

    for wins, losses in ((5, 0), (4, 0), (9, 1), (8, 2), (0, 5)):
        model = [True] * wins + [False] * losses + [True] * 10
        baseline = [False] * wins + [True] * losses + [True] * 10
        found = paired_difference(model, baseline)
        two_sided = mcnemar([[10, wins], [losses, 0]], exact=True).pvalue
        assert (found.lower > 0) == (two_sided / 2 <= 0.05 and wins > losses)
        assert found.lower < found.point
    with pytest.raises(ValueError, match="no units"):
        paired_difference([], [])


def test_misses_keep_the_clock_running() -> None:
    durations, seen = [4.0, 9.0, 9.0, 30.0, 600.0, 600.0], [True, True, True, True, False, False]
    moments, waiting = kaplan_meier(durations, seen)
    assert moments.tolist() == [4.0, 9.0, 30.0]
    assert waiting == pytest.approx([5 / 6, 3 / 6, 2 / 6])
    assert time_until(durations, seen, 0.5) == 9.0
    assert time_until(durations, seen, 0.9) is None
    assert share_within(durations, seen, 60.0) == pytest.approx(4 / 6)
    assert share_within([], [], 60.0) == 0.0


def test_kaplan_meier_agrees_with_another_library() -> None:
    from statsmodels.duration.survfunc import SurvfuncRight  # type: ignore[import-untyped]  # it has no types

    rng = np.random.default_rng(6)
    times, seen = rng.exponential(60, 80).round(0), rng.random(80) < 0.7
    moments, waiting = kaplan_meier(times.tolist(), seen.tolist())
    other = SurvfuncRight(times, seen.astype(int))
    assert moments == pytest.approx(other.surv_times)
    assert waiting == pytest.approx(other.surv_prob)
