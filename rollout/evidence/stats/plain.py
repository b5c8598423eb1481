"""The same few functions as scipy's, slower, for a machine that only watches and has no scipy (143 MB).

A test holds both against each other. Incomplete beta and gamma functions by their series and continued fractions
(Press et al., Numerical Recipes, chapter 6), their inverses by bisection; the assignment by shortest augmenting paths.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, isinf, lgamma, log
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TINY: Final = 1e-300
_CLOSE: Final = 1e-15
_TERMS: Final = 100_000
_HALVINGS: Final = 200


def beta_quantile(share: float, a: float, b: float) -> float:
    """Quantile of the beta distribution."""
    return _bisect(lambda x: beta_at_most(x, a, b), share, 0.0, 1.0)


def gamma_quantile(share: float, shape: float) -> float:
    """Quantile of the gamma distribution with scale 1."""
    high = max(1.0, shape)
    while gamma_at_most(high, shape) < share:
        high *= 2.0
    return _bisect(lambda x: gamma_at_most(x, shape), share, 0.0, high)


def binomial_at_most(count: int, n: int, share: float) -> float:
    """Probability of at most ``count`` of ``n``; 0 for a negative count."""
    if count < 0:
        return 0.0
    return 1.0 if count >= n else beta_at_most(1.0 - share, n - count, count + 1)


def beta_at_most(x: float, a: float, b: float) -> float:
    """Distribution function of the beta distribution."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1.0 - x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def gamma_at_most(x: float, shape: float) -> float:
    """Distribution function of the gamma distribution with scale 1."""
    if x <= 0.0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    return front * _gamma_series(x, shape) if x < shape + 1.0 else 1.0 - front * _gamma_fraction(x, shape)


def assign(cost: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The cheapest one-to-one assignment of rows to columns, as pairs of indices in the order of the rows."""
    if cost.shape[0] > cost.shape[1]:
        return sorted((row, column) for column, row in assign(cost.T))
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    row_of = np.zeros(columns + 1, dtype=np.int64)  # 1-based; 0 is nobody
    for row in range(1, rows + 1):
        row_of[0] = row
        _augment(cost, row_price, column_price, row_of)
    return sorted((int(row_of[column]) - 1, column - 1) for column in range(1, columns + 1) if row_of[column])


def _augment(
    cost: NDArray[np.float64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
    row_of: NDArray[np.int64],
) -> None:
    """Give the row that waits in column 0 a column, moving others where that is cheaper."""
    columns = cost.shape[1]
    distance, came_from = np.full(columns + 1, inf), np.zeros(columns + 1, dtype=np.int64)
    done = np.zeros(columns + 1, dtype=bool)
    column = 0
    while row_of[column]:
        done[column] = True
        row = row_of[column]
        reduced = cost[row - 1] - row_price[row] - column_price[1:]
        shorter = ~done[1:] & (reduced < distance[1:])
        distance[1:][shorter] = reduced[shorter]
        came_from[1:][shorter] = column
        left = np.where(done, inf, distance)
        left[0] = inf
        following = int(left.argmin())
        step = left[following]
        row_price[row_of[done]] += step
        column_price[done] -= step
        distance[~done] -= step
        column = following
    while column:
        before = int(came_from[column])
        row_of[column] = row_of[before]
        column = before


def _bisect(function: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if function(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, _inverse(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d, c = _inverse(1.0 + term * d), _away_from_0(1.0 + term / c)
            value *= d * c
        if abs(d * c - 1.0) < _CLOSE:
            break
    return value


def _gamma_series(x: float, shape: float) -> float:
    term = value = 1.0 / shape
    for n in range(1, _TERMS):
        term *= x / (shape + n)
        value += term
        if term < value * _CLOSE:
            break
    return value


def _gamma_fraction(x: float, shape: float) -> float:
    b = x + 1.0 - shape
    c, d = 1.0 / _TINY, _inverse(b)
    value = d
    for n in range(1, _TERMS):
        term = -n * (n - shape)
        b += 2.0
        d, c = _inverse(term * d + b), _away_from_0(b + term / c)
        value *= d * c
        if abs(d * c - 1.0) < _CLOSE:
            break
    return value


def _away_from_0(value: float) -> float:
    return _TINY if abs(value) < _TINY or isinf(value) else value


def _inverse(value: float) -> float:
    return 1.0 / _away_from_0(value)
