"""The few functions that come from scipy, with types. Imported late: most who load this package need none of them.

A machine that only watches, such as the demo's, has no scipy. What needs it says so with :class:`StatisticsMissing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray


class StatisticsMissing(RuntimeError):
    """Evidence was asked for on a machine without the statistics; the message says what to install."""

    def __init__(self) -> None:
        super().__init__("the statistics need the package scipy: run `make site`, or install requirements/site.txt")


@contextmanager
def _scipy() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "scipy":
            raise
        raise StatisticsMissing from error


def beta_quantile(share: float, a: float, b: float) -> float:
    """Quantile of the beta distribution."""
    with _scipy():
        from scipy.special import betaincinv  # type: ignore[import-untyped]  # it has no types

    return float(betaincinv(a, b, share))


def gamma_quantile(share: float, shape: float) -> float:
    """Quantile of the gamma distribution with scale 1; half of chi-square's with twice as many degrees of freedom."""
    with _scipy():
        from scipy.special import gammaincinv

    return float(gammaincinv(shape, share))


def binomial_at_most(count: int, n: int, share: float) -> float:
    """Probability of at most ``count`` of ``n``; 0 for a negative count."""
    with _scipy():
        from scipy.special import bdtr

    return float(bdtr(count, n, share)) if count >= 0 else 0.0


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The cheapest one-to-one assignment of rows to columns (Hungarian method), as pairs of indices."""
    with _scipy():
        from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # it has no types

    rows, columns = linear_sum_assignment(cost)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def kolmogorov_smirnov(first: Any, second: Any) -> float:
    """The largest distance between two samples' distribution functions."""
    a, b = np.sort(np.asarray(first, dtype=np.float64)), np.sort(np.asarray(second, dtype=np.float64))
    both = np.concatenate([a, b])
    gap = np.searchsorted(a, both, side="right") / len(a) - np.searchsorted(b, both, side="right") / len(b)
    return float(np.abs(gap).max())
