"""Figures against values worked out by hand or published."""

from __future__ import annotations

import numpy as np
import pytest

from detector.evaluate.figures import (
    auc,
    average_precision,
    calibration_error,
    clopper_pearson,
    confusion,
    figures,
    precision_recall,
    recall_at,
    reliability,
)

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
TRUTH = np.array([True, False, True, True, False, False])


def test_auc_counts_the_pairs_in_the_right_order() -> None:
    assert auc(SCORES, TRUTH) == pytest.approx(7 / 9)
    assert auc(-SCORES, TRUTH) == pytest.approx(2 / 9)


def test_ties_count_half() -> None:
    assert auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5


def test_recall_is_taken_where_few_enough_others_score_higher() -> None:
    found = recall_at(SCORES, TRUTH, 0.02)
    assert (found.threshold, found.found, found.false_positives) == (0.8, 1, 0.0)
    found = recall_at(SCORES, TRUTH, 0.34)
    assert (found.threshold, found.found) == (0.5, 3)
    assert found.false_positives == pytest.approx(1 / 3)


def test_a_score_for_everything_finds_nothing() -> None:
    found = figures(np.zeros(6), TRUTH)
    assert found.auc == 0.5
    assert [each.recall for each in found.recalls] == [0, 0, 0]


@pytest.mark.parametrize(
    ("found", "of", "low", "high"), [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129)]
)
def test_clopper_pearson_against_published_values(found: int, of: int, low: float, high: float) -> None:
    assert clopper_pearson(found, of) == pytest.approx((low, high), abs=1e-4)


def test_average_precision_by_hand() -> None:
    assert average_precision(SCORES, TRUTH) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_equal_scores_share_a_point_of_the_curve() -> None:
    precision, recall = precision_recall(np.array([0.5, 0.5, 0.1]), np.array([True, False, True]))
    assert precision.tolist() == pytest.approx([1 / 2, 2 / 3])
    assert recall.tolist() == pytest.approx([1 / 2, 1])


def test_honest_scores_have_no_calibration_error_but_for_chance() -> None:
    random = np.random.default_rng(3)
    scores = random.uniform(size=20_000)
    truth = random.uniform(size=20_000) < scores
    honest, boastful = calibration_error(scores, truth), calibration_error(scores, truth & (scores > 0.5))
    assert honest is not None
    assert boastful is not None
    assert honest < 0.01
    assert boastful > 0.15


def test_too_few_pictures_have_no_calibration_error() -> None:
    assert calibration_error(SCORES, TRUTH) is None


def test_a_slice_without_bears_has_counts_only() -> None:
    found = figures(SCORES, np.zeros(6, dtype=bool))
    assert (found.pictures, found.bears, found.auc, found.recalls) == (6, 0, None, ())


def test_reliability_lists_the_tenths_that_have_pictures() -> None:
    assert reliability(np.array([0.05, 0.05, 1.0]), np.array([False, True, True])) == [
        (pytest.approx(0.05), 0.5, 2),
        (1.0, 1.0, 1),
    ]


def test_confusion_counts_what_was_called_what() -> None:
    assert confusion(["bear", "bear", "dog"], ["bear", "dog", "dog"]) == {
        "bear": {"bear": 1, "dog": 1},
        "dog": {"dog": 1},
    }
