"""Percentiles that say how sure they are: bounds from the order of the values, whatever their distribution. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from rollout.evidence.stats.distributions import binomial_at_most
from rollout.evidence.stats.proportions import CONFIDENCE
from rollout.reports.document import Figure, Form
from rollout.reports.metric_figures import ONE_SIDED

SHARES: Final = (0.5, 0.9, 0.99)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed (nearest rank). ``values`` are in order, at least one."""
    return values[max(0, ceil(share * len(values)) - 1)]


def upper(values: Sequence[float], share: float, confidence: float = CONFIDENCE) -> float | None:
    """A one-sided upper bound of a percentile: the smallest value with enough others below it.

    None when even the largest is not high enough: it takes 5 values for the median, 29 for the 90th percentile, 299
    for the 99th.
    """
    n = len(values)
    low, high = 1, n + 1
    while low < high:
        rank = (low + high) // 2
        low, high = (low, rank) if binomial_at_most(rank - 1, n, share) >= confidence else (rank + 1, high)
    return values[low - 1] if low <= n and binomial_at_most(low - 1, n, share) >= confidence else None


def percentiles(key: str, label: str, seconds: Sequence[float], of: str, why: str) -> tuple[Figure, ...]:
    """Median, 90th and 99th percentile of lengths of time, with their upper bounds."""
    ordered = sorted(seconds)
    return tuple(_figure(key, label, ordered, share, of, why) for share in SHARES)


def _figure(key: str, label: str, ordered: Sequence[float], share: float, of: str, why: str) -> Figure:
    name = "median" if share == 0.5 else f"{100 * share:.0f}th percentile"
    if not ordered:
        return Figure(f"{key}_p{100 * share:.0f}_s", f"{label}, {name}", None, Form.SECONDS, n=0, of=of, why=why)
    bound = upper(ordered, share)
    return Figure(
        f"{key}_p{100 * share:.0f}_s", f"{label}, {name}", percentile(ordered, share), Form.SECONDS, high=bound,
        sure=ONE_SIDED if bound is not None else "no bound: too few", n=len(ordered), of=of,
        note=f"the longest took {ordered[-1]:.1f} s" if share == SHARES[-1] else "",
    )  # fmt: skip
