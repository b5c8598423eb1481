"""The few functions that come from scipy, with types. Imported late: most who load this package need none of them.

A machine that only watches, such as the demo's, has no scipy; there :mod:`rollout.evidence.stats.plain` answers the
same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rollout.evidence.stats import plain


def beta_quantile(share: float, a: float, b: float) -> float:
    """Quantile of the beta distribution."""
    try:
        from scipy.special import betaincinv  # type: ignore[import-untyped]  # it has no types
    except ModuleNotFoundError:
        return plain.beta_quantile(share, a, b)
    return float(betaincinv(a, b, share))


def gamma_quantile(share: float, shape: float) -> float:
    """Quantile of the gamma distribution with scale 1; half of chi-square's with twice as many degrees of freedom."""
    try:
        from scipy.special import gammaincinv
    except ModuleNotFoundError:
        return plain.gamma_quantile(share, shape)
    return float(gammaincinv(shape, share))


def gamma_at_most(x: float, shape: float) -> float:
    """Distribution function of the gamma distribution with scale 1; also the probability that a Poisson count with
    mean ``x`` is at least ``shape``."""
    try:
        from scipy.special import gammainc
    except ModuleNotFoundError:
        return plain.gamma_at_most(x, shape)
    return float(gammainc(shape, x))


def binomial_at_most(count: int, n: int, share: float) -> float:
    """Probability of at most ``count`` of ``n``; 0 for a negative count."""
    try:
        from scipy.special import bdtr
    except ModuleNotFoundError:
        return plain.binomial_at_most(count, n, share)
    return float(bdtr(count, n, share)) if count >= 0 else 0.0


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The cheapest one-to-one assignment of rows to columns (Hungarian method), as pairs of indices."""
    try:
        from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # it has no types
    except ModuleNotFoundError:
        return plain.assign(cost)
    rows, columns = linear_sum_assignment(cost)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))
