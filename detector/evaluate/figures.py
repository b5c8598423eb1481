"""Figures that say how good scores are, with how sure one can be of them. Pure numpy and scipy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta  # type: ignore[import-untyped] # it has no types

FALSE_POSITIVE_RATES = (0.01, 0.02, 0.05)
CONFIDENCE = 0.95
_BINS = 15

Scores = NDArray[np.floating]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recall:
    """Share of the bears found at a threshold, with a two-sided Clopper-Pearson interval.

    ``false_positives`` is the share of the others that score above the threshold as well; never above ``rate``.
    """

    rate: float
    threshold: float
    found: int
    bears: int
    low: float
    high: float
    false_positives: float

    @property
    def recall(self) -> float:
        """Found bears over all bears."""
        return self.found / self.bears


@dataclass(frozen=True, slots=True)
class Figures:
    """One slice. ``auc`` and ``recalls`` need bears and others, ``calibration`` needs some dozens of pictures."""

    pictures: int
    bears: int
    auc: float | None
    average_precision: float | None
    recalls: tuple[Recall, ...]
    calibration: float | None


def figures(scores: Scores, is_bear: Flags, rates: Sequence[float] = FALSE_POSITIVE_RATES) -> Figures:
    """All figures of scores (n,) and the truth (n,)."""
    bears = int(is_bear.sum())
    if not 0 < bears < len(scores):
        return Figures(len(scores), bears, None, None, (), calibration_error(scores, is_bear))
    return Figures(
        pictures=len(scores),
        bears=bears,
        auc=auc(scores, is_bear),
        average_precision=average_precision(scores, is_bear),
        recalls=tuple(recall_at(scores, is_bear, rate) for rate in rates),
        calibration=calibration_error(scores, is_bear),
    )


def auc(scores: Scores, is_bear: Flags) -> float:
    """Probability that a random bear scores above a random other picture, ties counting half (Mann-Whitney)."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    bears, others = int(is_bear.sum()), int((~is_bear).sum())
    return float((ranks[is_bear].sum() - bears * (bears + 1) / 2) / (bears * others))


def recall_at(scores: Scores, is_bear: Flags, rate: float) -> Recall:
    """Recall at the lowest threshold at which at most ``rate`` of the others score above it.

    A picture counts as found when its score is *above* the threshold, which is the score of one of the others.
    """
    others = np.sort(scores[~is_bear])[::-1]
    threshold = float(others[int(rate * len(others))])
    found, bears = int((scores[is_bear] > threshold).sum()), int(is_bear.sum())
    low, high = clopper_pearson(found, bears)
    return Recall(rate, threshold, found, bears, low, high, float((others > threshold).mean()))


def clopper_pearson(found: int, of: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The exact two-sided interval of a share."""
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, found, of - found + 1)) if found else 0.0
    high = float(beta.ppf(1 - tail, found + 1, of - found)) if found < of else 1.0
    return low, high


def precision_recall(scores: Scores, is_bear: Flags) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall at every different threshold, from the highest down; equal scores count together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    found = np.cumsum(is_bear[order])[ends].astype(np.float64)
    return found / (ends + 1), found / max(int(is_bear.sum()), 1)


def average_precision(scores: Scores, is_bear: Flags) -> float:
    """The area under precision over recall, in steps."""
    precision, recall = precision_recall(scores, is_bear)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def calibration_error(scores: Scores, is_bear: Flags, bins: int = _BINS) -> float | None:
    """How far scores are from frequencies, root mean square over bins of equally many pictures, debiased.

    Chance alone makes the plain error positive; what chance contributes to each bin is subtracted (Kumar, Liang and Ma,
    "Verified uncertainty calibration", 2019). None for fewer than two pictures a bin.
    """
    if len(scores) < 2 * bins:
        return None
    squared = 0.0
    for inside in np.array_split(np.argsort(scores, kind="stable"), bins):
        share, mean = float(is_bear[inside].mean()), float(scores[inside].mean())
        by_chance = share * (1 - share) / (len(inside) - 1)
        squared += len(inside) / len(scores) * ((share - mean) ** 2 - by_chance)
    return float(np.sqrt(max(squared, 0.0)))


def reliability(scores: Scores, is_bear: Flags, bins: int = 10) -> list[tuple[float, float, int]]:
    """Mean score, share of bears and number of pictures in each tenth of the range that has any."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    inside = [place == number for number in range(bins)]
    return [(float(scores[i].mean()), float(is_bear[i].mean()), int(i.sum())) for i in inside if i.any()]


def confusion(truth: Sequence[str], said: Sequence[str]) -> dict[str, dict[str, int]]:
    """How often each true label was called what."""
    rows: dict[str, dict[str, int]] = {}
    for true, called in sorted(zip(truth, said, strict=True)):
        row = rows.setdefault(true, {})
        row[called] = row.get(called, 0) + 1
    return rows
