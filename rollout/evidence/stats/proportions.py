"""How sure one may be of a share: exact bounds, how many observations they need, clusters, the e-value. Pure.

Shares here are of independent units (bear-nights). Where several observations of one unit come together, use
:func:`first_of_each` or :func:`effective`; naive bounds on dependent observations promise too much.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, log
from statistics import fmean
from typing import Final, TypeVar

from rollout.evidence.stats.distributions import beta_quantile, binomial_at_most

Item = TypeVar("Item")

CONFIDENCE: Final = 0.95
ALTERNATIVES: Final = (0.3, 0.5, 0.7, 0.9)
"""Where the e-value's alternatives lie between the demanded recall and 1: for .90 they are .93, .95, .97 and .99."""
E_PASS: Final = 20.0
_MOST_N: Final = 100_000


def clopper_pearson_lower(hits: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided lower bound of a share: it lies above the truth in at most ``1 - confidence`` of all cases.

    ``hits`` and ``n`` need not be whole, so that a number of clustered observations can be divided by its design
    effect. No observations: 0.
    """
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits of {n} cannot be")
    if hits <= 0:
        return 0.0
    return beta_quantile(1.0 - confidence, hits, n - hits + 1.0)


def clopper_pearson_upper(hits: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided upper bound of a share. No observations: 1."""
    return 1.0 - clopper_pearson_lower(n - hits, n, confidence)


@lru_cache(maxsize=4096)
def needed_n(bound: float, misses: int, confidence: float = CONFIDENCE) -> int:
    """The smallest number of observations whose lower bound reaches ``bound`` with so many misses among them.

    For .90 and 0 to 5 misses: 29, 46, 61, 76, 89, 103.
    """
    return _first(misses + 1, lambda n: clopper_pearson_lower(n - misses, n, confidence) >= bound)


@lru_cache(maxsize=4096)
def needed_for_power(true_share: float, bound: float, power: float = 0.8, confidence: float = CONFIDENCE) -> int | None:
    """How many observations a model of this true share needs to reach ``bound`` with probability ``power``.

    The plan of a stage shows it: for .90 and a true recall of .97 it takes 76, of .93 it takes 549. None when it
    takes more than 100,000, as it does when the model is no better than the bound.
    """
    if true_share <= bound:
        return None
    misses = 0
    while (n := needed_n(bound, misses, confidence)) < _MOST_N:
        if binomial_at_most(misses, n, 1.0 - true_share) >= power:
            return n
        misses += 1
    return None


def recall_evalue(hits: float, misses: float, least: float = 0.90) -> float:
    """Evidence against "the share is at most ``least``" that may be computed every day.

    The mean over several alternatives of their likelihood ratios. It ever reaches 20 with probability at most 5 %
    when the share is not above ``least``, however often one analyses; :data:`E_PASS` is the gate.
    """
    if not 0.0 < least < 1.0:
        raise ValueError(f"the demanded share must lie between 0 and 1, is {least}")
    better = (least + (1.0 - least) * part for part in ALTERNATIVES)
    logs = [hits * log(a / least) + misses * log((1.0 - a) / (1.0 - least)) for a in better]
    highest = max(logs)
    return inf if highest > 700 else fmean(exp(value) for value in logs)


@lru_cache(maxsize=4096)
def needed_for_evalue(least: float, misses: int, e_pass: float = E_PASS) -> int:
    """The smallest number of observations whose e-value passes: for .90 and 0 to 4 misses 41, 62, 82, 100, 117."""
    return _first(misses + 1, lambda n: recall_evalue(n - misses, misses, least) >= e_pass)


def anytime_lower(
    hits: float, misses: float, e_pass: float = E_PASS, *, share_of: Callable[[float], float] | None = None
) -> float:
    """The largest share against which the e-value passes: a lower bound that may be computed every day.

    ``share_of`` says which share of hits to expect where that is not the bounded quantity itself; it grows with it.
    """
    low, high = 0.0, 1.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        share = middle if share_of is None else share_of(middle)
        low, high = (middle, high) if recall_evalue(hits, misses, share) >= e_pass else (low, middle)
    return low


@dataclass(frozen=True, slots=True)
class Effective:
    """Clustered observations as if they were independent: fewer, by the design effect ``deff`` (at least 1)."""

    hits: float
    n: float
    deff: float


def effective(hits: Sequence[int], sizes: Sequence[int]) -> Effective:
    """Divide clustered observations by their design effect.

    ``hits`` and ``sizes`` hold one number for each cluster. The design effect is the variance of the ratio between
    clusters over that of as many independent observations (Kish). It is 1 when it cannot be told: with fewer than two
    clusters, and with no hit or no miss at all.
    """
    n, total = sum(sizes), sum(hits)
    clusters = len(sizes)
    if clusters < 2 or total in (0, n):
        return Effective(total, n, 1.0)
    share = total / n
    spread = sum((x - share * size) ** 2 for x, size in zip(hits, sizes, strict=True)) * clusters / (clusters - 1)
    deff = max(1.0, spread / (n * share * (1.0 - share)))
    return Effective(total / deff, n / deff, deff)


def first_of_each(items: Iterable[tuple[Hashable, Item]]) -> list[Item]:
    """The first item of each cluster, in the order given: independent units whatever happens inside a cluster."""
    first: dict[Hashable, Item] = {}
    for cluster, item in items:
        first.setdefault(cluster, item)
    return list(first.values())


def _first(start: int, passes: Callable[[int], bool]) -> int:
    """The smallest n from ``start`` on that passes: double until one does, then halve. Passing must be monotone."""
    low, high = start, start
    while not passes(high):
        low, high = high + 1, high * 2
        if high > 2 * _MOST_N:
            return high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle + 1, high)
    return low
