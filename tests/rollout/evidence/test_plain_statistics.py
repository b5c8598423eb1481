"""The statistics of a machine without scipy say what scipy says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]  # it has no types
from scipy.special import bdtr, betaincinv, gammaincinv  # type: ignore[import-untyped]  # it has no types

from rollout.evidence.stats import plain


@pytest.mark.parametrize("share", [1e-6, 0.025, 0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize(("a", "b"), [(1, 1), (0.5, 0.5), (29, 1), (1, 46), (97, 4), (3000, 200)])
def test_beta_quantiles(a: float, b: float, share: float) -> None:
    assert plain.beta_quantile(share, a, b) == pytest.approx(float(betaincinv(a, b, share)), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("share", [1e-4, 0.05, 0.5, 0.95, 0.99])
@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5, 30.0, 4000.0])
def test_gamma_quantiles(shape: float, share: float) -> None:
    assert plain.gamma_quantile(share, shape) == pytest.approx(float(gammaincinv(shape, share)), rel=1e-9)


@pytest.mark.parametrize(
    ("count", "n", "share"), [(-1, 5, 0.3), (0, 5, 0.3), (4, 5, 0.3), (5, 5, 0.3), (90, 1000, 0.1)]
)
def test_binomial_tails(count: int, n: int, share: float) -> None:
    assert plain.binomial_at_most(count, n, share) == pytest.approx(bdtr(count, n, share) if count >= 0 else 0.0)


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 7), (9, 4), (12, 12)])
def test_the_cheapest_assignment(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        cost = np.where(rng.random(shape) < 0.3, 1e9, rng.random(shape) * 600)
        pairs = plain.assign(cost)
        rows, columns = linear_sum_assignment(cost)
        assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == min(shape)
        assert sum(cost[row, column] for row, column in pairs) == pytest.approx(cost[rows, columns].sum())
