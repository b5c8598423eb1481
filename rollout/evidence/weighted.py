"""Totals from samples with known, unequal inclusion probabilities. Pure.

``weight`` is ``1 / probability``: how many units of the whole one drawn unit stands for. The design rule that follows
from :func:`gamma_upper`: with nothing found, the bound is three times the largest weight, so keep that small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from rollout.evidence.distributions import gamma_quantile
from rollout.evidence.proportions import CONFIDENCE


def horvitz_thompson(values: Iterable[float], probabilities: Iterable[float]) -> float:
    """Unbiased total of all units, from the drawn ones."""
    return fsum(value / probability for value, probability in zip(values, probabilities, strict=True))


def hajek(values: Sequence[float], probabilities: Sequence[float]) -> float:
    """Mean of all units, from the drawn ones: estimated total over estimated number. Raises ValueError on none."""
    if not values:
        raise ValueError("no units were drawn")
    return horvitz_thompson(values, probabilities) / horvitz_thompson([1.0] * len(values), probabilities)


def missed_visits(found: Iterable[tuple[float, int]]) -> float:
    """How many visits were missed, from the drawn units that lie in one: ``sum 1 / (p * M)``.

    ``found`` holds the inclusion probability of each such unit, and how many units ``M`` its visit covers: a visit
    that covers four camera-hours has four chances to be drawn and must count a quarter each time.
    """
    return fsum(1.0 / (probability * units) for probability, units in found)


def gamma_upper(weights: Iterable[float], largest_weight: float, confidence: float = CONFIDENCE) -> float:
    """Upper bound of a weighted count (Fay & Feuer 1997), safe also when few or none were found.

    ``weights`` are those of the units that were found, ``largest_weight`` the largest of all drawn units, found or not.
    """
    found = list(weights)
    if largest_weight <= 0 or any(weight > largest_weight * (1 + 1e-9) for weight in found):
        raise ValueError(f"the largest weight must be positive and the largest: {largest_weight}, {found[:5]}")
    mean = fsum(found) + largest_weight
    variance = fsum(weight**2 for weight in found) + largest_weight**2
    return gamma_quantile(confidence, mean**2 / variance) * variance / mean


@dataclass(frozen=True, slots=True)
class AuditedRecall:
    """Recall from what the model saw and what the audits found that it had not."""

    recall: float
    lower: float
    missed: float
    missed_upper: float


def audited_recall(seen: int, weights: Sequence[float], largest_weight: float, sensitivity: float) -> AuditedRecall:
    """Recall with its gamma lower bound.

    ``weights`` are those of the missed visits that were found (each divided by the visit's multiplicity), and
    ``sensitivity`` the auditors' own recall at its lower bound: what they overlook counts as missed too.
    Raises ValueError for a sensitivity that is not above 0, and when nothing was seen at all.
    """
    if not 0.0 < sensitivity <= 1.0:
        raise ValueError(f"the auditors' sensitivity must lie above 0 and not above 1, is {sensitivity}")
    if seen <= 0:
        raise ValueError("the model saw nothing: there is no recall to bound")
    missed = fsum(weights) / sensitivity
    upper = gamma_upper(weights, largest_weight) / sensitivity
    return AuditedRecall(seen / (seen + missed), seen / (seen + upper), missed, upper)
