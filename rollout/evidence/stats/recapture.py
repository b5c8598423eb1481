"""How many bears came that nobody saw: two observers who mark each other's lists (capture-recapture). Pure.

The estimate assumes that ranger and model miss different bears. They do not quite: what is hard for one is hard for
the other, so that recall comes out too high. Hence strata (day and night) where there is enough in each, and the
recall that would follow if seeing were dependent with a given odds ratio; the gate uses an odds ratio of 2. With a
third list, of bears that audits found, that odds ratio can be estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

LEAST_BOTH: Final = 7
"""Visits that both must have seen in every stratum before strata are told apart (Chapman's bias is small from here)."""
LEAST_THIRD: Final = 5
"""Bears that a third list must know of which the model missed, before it says anything about dependence."""
_Z_95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Overlap:
    """Visits that only the ranger saw, only the model saw, or both."""

    ranger_only: int
    model_only: int
    both: int

    @property
    def ranger(self) -> int:
        """Visits that the ranger saw."""
        return self.ranger_only + self.both

    @property
    def model(self) -> int:
        """Visits that the model saw."""
        return self.model_only + self.both

    @property
    def seen(self) -> int:
        """Visits that anybody saw."""
        return self.ranger_only + self.model_only + self.both

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(self.ranger_only + other.ranger_only, self.model_only + other.model_only, self.both + other.both)


@dataclass(frozen=True, slots=True)
class Abundance:
    """All visits, seen and unseen, with a two-sided 95 % interval."""

    n: float
    lower: float
    upper: float
    variance: float


def chapman(overlap: Overlap) -> Abundance:
    """Chapman's estimator; its interval is log-normal on the unseen part (Chao): never below what was seen."""
    n1, n2, m = overlap.ranger, overlap.model, overlap.both
    n = (n1 + 1) * (n2 + 1) / (m + 1) - 1
    variance = (n1 + 1) * (n2 + 1) * (n1 - m) * (n2 - m) / ((m + 1) ** 2 * (m + 2))
    return Abundance(n, *_interval(n, variance, overlap.seen), variance)


def _interval(n: float, variance: float, seen: int) -> tuple[float, float]:
    unseen = n - seen
    if unseen <= 0 or variance <= 0:
        return n, n
    factor = exp(_Z_95 * sqrt(log(1 + variance / unseen**2)))
    return seen + unseen / factor, seen + unseen * factor


@dataclass(frozen=True, slots=True)
class Recaptured:
    """What two lists together say."""

    abundance: Abundance
    recall: float
    """Share of all visits that the model saw."""
    stratified: bool


def recaptured(strata: Mapping[str, Overlap]) -> Recaptured | None:
    """Estimate all visits and the model's recall.

    1. With at least :data:`LEAST_BOTH` visits seen by both in every stratum, each stratum is estimated by itself:
       recall is ``both / ranger`` there, weighted with the stratum's estimated visits.
    2. Otherwise everything is one stratum.
    3. None when the ranger saw nothing.
    """
    kept = [overlap for overlap in strata.values() if overlap.seen]
    stratified = len(kept) > 1 and all(overlap.both >= LEAST_BOTH for overlap in kept)
    if not stratified:
        kept = [sum(kept, Overlap(0, 0, 0))]
    if not all(overlap.ranger for overlap in kept):
        return None
    parts = [chapman(overlap) for overlap in kept]
    n, variance = sum(part.n for part in parts), sum(part.variance for part in parts)
    seen = sum(overlap.seen for overlap in kept)
    recall = sum(part.n * o.both / o.ranger for part, o in zip(parts, kept, strict=True)) / n
    return Recaptured(Abundance(n, *_interval(n, variance, seen), variance), recall, stratified)


def recall_if_dependent(overlap: Overlap, odds_ratio: float) -> float | None:
    """The model's recall if seeing were dependent with this odds ratio: ``n00 = OR * n10 * n01 / n11`` were unseen.

    1 is independence. None when nothing was seen by both, or by the ranger at all: then anything is possible.
    """
    if overlap.both == 0:
        return None
    unseen = odds_ratio * overlap.ranger_only * overlap.model_only / overlap.both
    return overlap.model / (overlap.seen + unseen)


@dataclass(frozen=True, slots=True)
class ThirdList:
    """Bears that somebody else found while a ranger watched, and that the model had missed. Need not be whole."""

    ranger: float = 0.0
    """The ranger saw them."""
    nobody: float = 0.0
    """The ranger did not."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """How much likelier, in odds, the ranger sees a bear that the model sees too; with a two-sided 95 % interval."""

    odds_ratio: float
    lower: float
    upper: float


def estimated_dependence(overlap: Overlap, third: ThirdList) -> Dependence | None:
    """The odds ratio between ranger and model, from three lists.

    1. The log-linear model has the terms ranger, model, third list, ranger by model, and model by third list: whom the
       third list finds may hang on the model, as audits do that are drawn by its scores, but not on the ranger.
    2. Its maximum-likelihood estimate has a closed form: the ranger's odds among the bears that the model saw, over
       those among the bears that it missed, which only the third list knows in full.
    3. Half a bear is added to each of the four counts, which keeps the logarithm nearly unbiased in small numbers.

    None when the third list knows fewer than :data:`LEAST_THIRD` missed bears, or the model saw as few.
    """
    if third.ranger + third.nobody < LEAST_THIRD or overlap.model < LEAST_THIRD:
        return None
    counts = [overlap.both + 0.5, overlap.model_only + 0.5, third.ranger + 0.5, third.nobody + 0.5]
    estimate = log(counts[0] / counts[1]) - log(counts[2] / counts[3])
    margin = _Z_95 * sqrt(sum(1 / count for count in counts))
    return Dependence(exp(estimate), exp(estimate - margin), exp(estimate + margin))
