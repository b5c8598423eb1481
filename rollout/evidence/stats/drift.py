"""Has something changed? Tests that know that frames of one camera on one day are all alike. Pure.

The usual thresholds assume independent frames and raise false alarms: Kolmogorov-Smirnov at 1 % rejects in most weeks
of nothing, and the well-known "PSI above .1" in four of ten comparisons of a hundred units. Here whole camera-days are
exchanged, and the population stability index (PSI) is compared with what chance gives for that many independent units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan, cos, log, pi, sin, sqrt
from statistics import fmean, stdev
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rollout.evidence.stats.distributions import gamma_quantile

REFERENCE_WEEKS: Final = 8
SMALLEST_P: Final = 1e-6
PERMUTATIONS: Final = 999


def psi(reference: Sequence[float], current: Sequence[float]) -> float:
    """Population stability index of two histograms over the same bins; empty bins count as half a unit."""
    if len(reference) != len(current):
        raise ValueError(f"{len(reference)} bins against {len(current)}")
    p, q = ([value or 0.5 for value in counts] for counts in (reference, current))
    n, m = sum(p), sum(q)
    return sum((a / n - b / m) * log((a / n) / (b / m)) for a, b in zip(p, q, strict=True))


def psi_limit(bins: int, n: int, m: int, confidence: float = 0.99) -> float:
    """What PSI stays below without any change, for ``n`` and ``m`` independent units (never frames)."""
    return 2 * gamma_quantile(confidence, (bins - 1) / 2) * (1 / n + 1 / m)


def week_p(reference: Sequence[float], week: float) -> float:
    """How often a week would lie so far from the mean of the reference weeks, were it one of them: two-sided t-test.

    The week is the unit: days of one week share their weather, and frames of one day their light. Raises ValueError for
    other than eight reference weeks: the closed form is that of seven degrees of freedom.
    """
    if len(reference) != REFERENCE_WEEKS:
        raise ValueError(f"the reference is {REFERENCE_WEEKS} weeks, not {len(reference)}")
    mean, spread = fmean(reference), stdev(reference)
    if spread <= 0.0:
        return 1.0 if week == mean else SMALLEST_P
    t = (week - mean) / (spread * sqrt(1.0 + 1.0 / REFERENCE_WEEKS))
    angle = atan(abs(t) / sqrt(7.0))
    c = cos(angle)
    inside = 2.0 / pi * (angle + sin(angle) * (c + 2.0 / 3.0 * c**3 + 8.0 / 15.0 * c**5))
    return max(SMALLEST_P, 1.0 - inside)


@dataclass(frozen=True, slots=True)
class Shift:
    """A difference between two periods, and how often chance alone makes one as large."""

    size: float
    p_value: float
    before: int
    after: int
    """Camera-days in each period."""


def score_shift(
    before: NDArray[np.float64], after: NDArray[np.float64], permutations: int = PERMUTATIONS, seed: int = 0
) -> Shift:
    """Kolmogorov-Smirnov distance of two periods' scores, tested by exchanging whole camera-days.

    ``before`` and ``after`` have one row for each camera-day and one column for each score bin, holding frames. Every
    camera-day counts alike, however many frames it had. Raises ValueError when a period is empty.
    """
    blocks = _rows(before, after)
    sizes = blocks.sum(axis=1, keepdims=True)
    return _exchange(np.cumsum(blocks / np.where(sizes > 0, sizes, 1.0), axis=1), len(before), permutations, seed)


def mean_shift(
    before: Sequence[float], after: Sequence[float], permutations: int = PERMUTATIONS, seed: int = 0
) -> Shift:
    """Difference of two periods' means over camera-days (alerts, reviews, confirmations), by exchanging camera-days."""
    blocks = _rows(np.asarray(before, dtype=np.float64)[:, None], np.asarray(after, dtype=np.float64)[:, None])
    shift = _exchange(blocks, len(before), permutations, seed)
    signed = float(np.mean(after) - np.mean(before))
    return Shift(signed, shift.p_value, shift.before, shift.after)


def _rows(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(before) == 0 or len(after) == 0:
        raise ValueError("both periods need at least one camera-day")
    return np.concatenate([before, after]).astype(np.float64)


def _exchange(blocks: NDArray[np.float64], first: int, permutations: int, seed: int) -> Shift:
    """The largest distance between the two groups' mean rows, against random groups of the same sizes."""
    n = len(blocks)
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
    groups = np.zeros((permutations + 1, n))
    groups[0, :first] = 1.0
    np.put_along_axis(groups[1:], order[:, :first], 1.0, axis=1)
    in_first = groups @ blocks
    distances = np.abs(in_first / first - (blocks.sum(axis=0) - in_first) / (n - first)).max(axis=1)
    at_least = int((distances[1:] >= distances[0] - 1e-12).sum())
    return Shift(float(distances[0]), (at_least + 1) / (permutations + 1), first, n - first)
