"""What nobody saw: two lists that mark each other, and samples with known probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from rollout.base.metrics import Measured
from rollout.evidence.audited_recall import Found, third_list
from rollout.evidence.comparison import EvidenceRule, JudgedVisit
from rollout.evidence.matching import Detection
from rollout.evidence.recall import dependence
from rollout.evidence.stats.intervals import Interval
from rollout.evidence.stats.recapture import (
    Overlap,
    ThirdList,
    chapman,
    estimated_dependence,
    recall_if_dependent,
    recaptured,
)
from rollout.evidence.stats.visits import SeenVisit, Visit
from rollout.evidence.stats.weighted import audited_recall, gamma_upper
from rollout.reports.sections.sensitivity import sensitivity_section


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


@pytest.mark.parametrize("odds_ratio", [1.0, 2.0, 4.0])
def test_a_third_list_tells_how_much_ranger_and_model_hang_together(odds_ratio: float) -> None:
    """400 visits, the model's recall is .85, audits know of half of those that it missed: the logarithm of the odds
    ratio is estimated without bias, and the interval covers."""
    rng = np.random.default_rng(21)
    model = rng.random((1500, 400)) < 0.85
    odds = np.where(model, 1.5, 1.5 / odds_ratio)
    ranger = rng.random((1500, 400)) < odds / (1 + odds)
    third = rng.random((1500, 400)) < np.where(model, 0.1, 0.5)
    found = [
        estimated_dependence(_overlap(r, m), ThirdList(int((t & r & ~m).sum()), int((t & ~r & ~m).sum())))
        for r, m, t in zip(ranger, model, third, strict=True)
    ]
    known = [each for each in found if each is not None]
    assert len(known) == 1500
    assert np.mean([np.log(each.odds_ratio) for each in known]) == pytest.approx(np.log(odds_ratio), abs=0.04)
    assert np.mean([each.lower <= odds_ratio <= each.upper for each in known]) == pytest.approx(0.955, abs=0.02)


def test_the_estimate_is_that_of_the_log_linear_model() -> None:
    """Seven cells of ranger, model, third list; half a bear spread over the cells that each of the four counts sums."""
    from statsmodels.genmod.families import Poisson  # type: ignore[import-untyped]  # it has no types
    from statsmodels.genmod.generalized_linear_model import GLM  # type: ignore[import-untyped]  # as above

    cells = {(1, 1, 0): 60, (0, 1, 0): 31, (1, 1, 1): 8, (0, 1, 1): 5, (1, 0, 0): 14, (1, 0, 1): 6, (0, 0, 1): 11}
    extra = {(1, 1, 0): 0.25, (0, 1, 0): 0.25, (1, 1, 1): 0.25, (0, 1, 1): 0.25, (1, 0, 1): 0.5, (0, 0, 1): 0.5}
    terms = np.array([[1, r, m, t, r * m, m * t] for r, m, t in cells])
    counts = np.array([count + extra.get(cell, 0.0) for cell, count in cells.items()])
    other = GLM(counts, terms, family=Poisson()).fit(tol=1e-12)
    found = estimated_dependence(Overlap(20, 36, 68), ThirdList(6, 11))
    assert found is not None
    assert np.log(found.odds_ratio) == pytest.approx(other.params[4], abs=1e-4)
    low, high = other.conf_int()[4]
    assert (np.log(found.lower), np.log(found.upper)) == pytest.approx((low, high), abs=1e-4)


def test_a_third_list_that_knows_little_says_so() -> None:
    assert estimated_dependence(Overlap(20, 36, 68), ThirdList(1, 3)) is None
    few = dependence("recall_dependence_or2", {"dark": Overlap(20, 36, 68)}, EvidenceRule(), ThirdList(1, 3))
    assert few.detail["or_why"] == "audits know 4 of the 5 bears missed in watched time that it takes"
    blind = dependence("recall_dependence_or2", {"dark": Overlap(20, 1, 3)}, EvidenceRule(), ThirdList(6, 11))
    assert blind.detail["or_why"] == "the model has seen 4 of the 5 visits in watched time that it takes"
    enough = dependence("recall_dependence_or2", {"dark": Overlap(20, 36, 68)}, EvidenceRule(), ThirdList(6, 11))
    low, high = enough.detail["recall_or_interval"]
    assert low < enough.detail["recall_or_estimated"] < high


def test_audit_finds_are_told_apart_by_what_the_ranger_saw_in_watched_time() -> None:
    hour = 3600.0
    visit = Visit("creek", 10 * hour, 10 * hour, (SeenVisit(1, "creek", None, 10 * hour, 10 * hour),))
    lost = JudgedVisit(visit, "creek/1", True, None)
    found = [
        Found(1, "creek", 10 * hour + 300, 10 * hour + 360, 10.0, missed=True),  # the ranger's
        Found(2, "creek", 14 * hour, 14 * hour + 60, 10.0, missed=True),  # nobody's
        Found(3, "creek", 16 * hour, 16 * hour + 60, 10.0, missed=False),  # the model's
        Found(4, "creek", 30 * hour, 30 * hour + 60, 10.0, missed=True),  # nobody watched
    ]
    effort = {"creek": [Interval(8 * hour, 20 * hour)]}
    assert third_list(found, [lost], effort, 1800.0) == ThirdList(1.0, 1.0)
    hit = JudgedVisit(visit, "creek/1", True, Detection(1, "creek", "cam", 10 * hour, 10 * hour + 2, 10 * hour + 9))
    assert third_list(found, [hit], effort, 1800.0) == ThirdList(0.0, 1.0)
    assert third_list([], [lost], effort, 1800.0) == ThirdList()
    heavy = [Found(1, "creek", 12 * hour, 12 * hour, 20.0, True), Found(2, "creek", 14 * hour, 14 * hour, 5.0, True)]
    assert third_list(heavy, [], effort, 1800.0).nobody == pytest.approx(25**2 / 425)


def test_everything_seen_by_both_leaves_nothing_unseen() -> None:
    abundance = chapman(Overlap(0, 0, 12))
    assert (abundance.n, abundance.lower, abundance.upper) == (12, 12, 12)


def test_finding_nothing_bounds_the_missed_by_three_times_the_largest_weight() -> None:
    assert gamma_upper([], 9.6) == pytest.approx(3.0 * 9.6, rel=0.002)
    with pytest.raises(ValueError, match="largest"):
        gamma_upper([5.0], 4.0)


@pytest.mark.parametrize(("recall", "lower"), [(0.95, 0.880), (0.773, 0.673)])
def test_the_gamma_bound_on_audited_recall_covers(recall: float, lower: float) -> None:
    """Thirty days of 50 sheets of 480 camera-hours a day, alike: covers 1.0 and .98, and is this high on average."""
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


def test_the_report_says_which_odds_ratio_audits_suggest() -> None:
    recall = Measured("recall_blind", None, why="no bear has been seen blind")
    found = dependence("recall_dependence_or2", {"dark": Overlap(20, 36, 68)}, EvidenceRule(), ThirdList(6, 11))
    (table, _) = sensitivity_section({"recall_dependence_or2": found, "recall_blind": recall}).tables
    assert [row[0] for row in table.rows] == [
        "they miss independently (odds ratio 1)", "the odds of a miss double (odds ratio 2)",
        "the odds of a miss are four times as high (odds ratio 4)", "odds ratio 3.3, as audits suggest (1.2 to 9.4)",
    ]  # fmt: skip
    by_audits, by_two = table.rows[3][1], table.rows[1][1]
    assert isinstance(by_audits, float)
    assert isinstance(by_two, float)
    assert by_audits < by_two
    assert table.note == ""
