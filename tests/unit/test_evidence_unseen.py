"""What nobody saw: two lists that mark each other, and samples with known probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from rollout.evidence.recapture import Overlap, chapman, recall_if_dependent, recaptured
from rollout.evidence.weighted import audited_recall, gamma_upper, hajek, horvitz_thompson, missed_visits


def _overlap(ranger: np.ndarray, model: np.ndarray) -> Overlap:
    return Overlap(int((ranger & ~model).sum()), int((model & ~ranger).sum()), int((ranger & model).sum()))


def _lists(difficulty: float, runs: int, seed: int) -> list[tuple[Overlap, float]]:
    """A hundred visits whose difficulty ranger and model share (logit scale), with the model's true recall."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, difficulty, (runs, 100))
    ranger = rng.random((runs, 100)) < 1 / (1 + np.exp(-(0.5 + hard)))
    model = rng.random((runs, 100)) < 1 / (1 + np.exp(-(1.75 + hard)))
    return [(_overlap(r, m), float(m.mean())) for r, m in zip(ranger, model, strict=True)]


def test_independent_lists_give_the_number_of_visits() -> None:
    estimates = [chapman(overlap) for overlap, _ in _lists(0.0, 1500, 1)]
    assert np.mean([each.n for each in estimates]) == pytest.approx(100.0, abs=0.5)
    assert np.mean([each.lower <= 100 <= each.upper for each in estimates]) == pytest.approx(0.925, abs=0.03)


@pytest.mark.parametrize(("difficulty", "visits", "recall"), [(1.0, 94.5, 0.859), (2.0, 84.7, 0.88)])
def test_a_shared_difficulty_makes_recall_look_too_high(difficulty: float, visits: float, recall: float) -> None:
    found = _lists(difficulty, 1500, 2)
    assert np.mean([chapman(overlap).n for overlap, _ in found]) == pytest.approx(visits, abs=0.7)
    assert np.mean([overlap.both / overlap.ranger for overlap, _ in found]) == pytest.approx(recall, abs=0.01)
    assert np.mean([true for _, true in found]) < recall - 0.03


def test_day_and_night_are_told_apart_when_there_is_enough_of_each() -> None:
    """Both see worse at night: together recall looks like .88, apart it is the true .785."""
    rng = np.random.default_rng(3)
    pooled, apart, truth = [], [], []
    for _ in range(300):
        dark = rng.random(200) < 0.5
        ranger = rng.random(200) < np.where(dark, 0.25, 0.85)
        model = rng.random(200) < np.where(dark, 0.62, 0.95)
        strata = {"dark": _overlap(ranger[dark], model[dark]), "light": _overlap(ranger[~dark], model[~dark])}
        together = strata["dark"] + strata["light"]
        found = recaptured(strata)
        assert found is not None
        pooled.append(together.both / together.ranger)
        truth.append(model.mean())
        if found.stratified:
            apart.append(found.recall)
    assert len(apart) > 250
    assert np.mean(pooled) == pytest.approx(0.878, abs=0.01)
    assert np.mean(apart) == pytest.approx(0.785, abs=0.015)
    assert np.mean(truth) == pytest.approx(0.785, abs=0.01)


def test_few_common_visits_are_pooled() -> None:
    found = recaptured({"dark": Overlap(2, 3, 4), "light": Overlap(5, 10, 40)})
    assert found is not None
    assert not found.stratified
    assert found.recall == pytest.approx(44 / 51)
    assert recaptured({"dark": Overlap(0, 5, 0)}) is None


def test_dependence_lowers_recall_as_was_worked_out() -> None:
    overlap = Overlap(ranger_only=15, model_only=56, both=85)
    assert [recall_if_dependent(overlap, odds) for odds in (1, 2, 4)] == pytest.approx([0.850, 0.802, 0.720], abs=0.002)
    assert recall_if_dependent(Overlap(3, 4, 0), 2) is None


def test_everything_seen_by_both_leaves_nothing_unseen() -> None:
    abundance = chapman(Overlap(0, 0, 12))
    assert (abundance.n, abundance.lower, abundance.upper) == (12, 12, 12)


def test_finding_nothing_bounds_the_missed_by_three_times_the_largest_weight() -> None:
    assert gamma_upper([], 9.6) == pytest.approx(3.0 * 9.6, rel=0.002)
    with pytest.raises(ValueError, match="largest"):
        gamma_upper([5.0], 4.0)


@pytest.mark.parametrize(("recall", "lower"), [(0.95, 0.880), (0.773, 0.673)])
def test_the_gamma_bound_on_audited_recall_covers(recall: float, lower: float) -> None:
    """Thirty days of 50 looks at 480 camera-hours a day, alike: covers 1.0 and .98, and is this high on average."""
    rng, weight, visits = np.random.default_rng(7), 480 / 50, 500
    seen = round(visits * recall)
    found = rng.binomial(visits - seen, 1 / weight, 500)
    bounds = [audited_recall(seen, [weight] * int(count), weight, 1.0).lower for count in found]
    assert np.mean([bound <= recall for bound in bounds]) >= 0.95
    assert np.mean(bounds) == pytest.approx(lower, abs=0.012)


def test_what_auditors_overlook_counts_as_missed() -> None:
    sharp, dull = (audited_recall(100, [10.0, 10.0], 10.0, sensitivity) for sensitivity in (1.0, 0.85))
    assert sharp.missed == 20
    assert dull.missed == pytest.approx(20 / 0.85)
    assert dull.lower < sharp.lower < sharp.recall
    with pytest.raises(ValueError, match="sensitivity"):
        audited_recall(100, [], 10.0, 0.0)
    with pytest.raises(ValueError, match="saw nothing"):
        audited_recall(0, [], 10.0, 1.0)


def test_a_visit_that_covers_many_units_counts_once() -> None:
    """Sixty missed visits of one to nine units, each unit drawn with its own probability: the estimate is unbiased."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(1, 10, 60)
    owner = np.repeat(np.arange(60), sizes)
    chance = rng.uniform(0.05, 0.4, len(owner))
    estimates, naive = [], []
    for _ in range(400):
        drawn = rng.random(len(owner)) < chance
        estimates.append(missed_visits(zip(chance[drawn], sizes[owner[drawn]], strict=True)))
        naive.append(horvitz_thompson(np.ones(int(drawn.sum())), chance[drawn]))
    assert np.mean(estimates) == pytest.approx(60, abs=1.5)
    assert np.mean(naive) == pytest.approx(len(owner), abs=8)


def test_means_and_totals_undo_unequal_probabilities() -> None:
    rng = np.random.default_rng(9)
    values, chance = rng.exponential(1, 400), rng.uniform(0.1, 0.9, 400)
    totals, means = [], []
    for _ in range(400):
        drawn = rng.random(400) < chance
        totals.append(horvitz_thompson(values[drawn], chance[drawn]))
        means.append(hajek(values[drawn].tolist(), chance[drawn].tolist()))
    assert np.mean(totals) == pytest.approx(values.sum(), rel=0.02)
    assert np.mean(means) == pytest.approx(values.mean(), rel=0.02)
    with pytest.raises(ValueError, match="no units"):
        hajek([], [])
