"""How well scores tell bears from the rest: area under the curve, and recall at a given rate of false positives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RecallFigures:
    """``auc``, and for each wanted false-positive rate the recall and the threshold it takes."""

    bears: int
    others: int
    auc: float
    recall: dict[float, float]
    threshold: dict[float, float]


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Probability that a random positive scores above a random negative, ties counting half (Mann-Whitney)."""
    values, places, counts = np.unique(np.concatenate([positive, negative]), return_inverse=True, return_counts=True)
    assert len(values) == len(counts)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    wins = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(wins / (len(positive) * len(negative)))


def recall_figures(
    scores: NDArray[np.float32], is_bear: NDArray[np.bool_], rates: tuple[float, ...] = (0.02, 0.05)
) -> RecallFigures | None:
    """Figures for one slice; None when it lacks bears or others."""
    positive, negative = scores[is_bear].astype(np.float64), scores[~is_bear].astype(np.float64)
    if not len(positive) or not len(negative):
        return None
    threshold = {rate: float(np.quantile(negative, 1 - rate, method="higher")) for rate in rates}
    recall = {rate: float((positive > threshold[rate]).mean()) for rate in rates}
    return RecallFigures(len(positive), len(negative), auc(positive, negative), recall, threshold)
