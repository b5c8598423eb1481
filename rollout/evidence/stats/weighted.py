"""Totals from samples with known, unequal inclusion probabilities. Pure.

``weight`` is ``1 / probability``: how many units of the whole one drawn unit stands for. The design rule that follows
from :func:`gamma_upper`: with nothing found, the bound is three times the largest weight, so keep that small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from rollout.evidence.stats.distributions import gamma_quantile
from rollout.evidence.stats.proportions import CONFIDENCE, anytime_lower


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
    anytime_lower: float
    """Lower bound that may be computed every day."""
    missed: float
    missed_upper: float

    @property
    def bounds(self) -> Mapping[str, float]:
        """The lower bounds by the names that gates use."""
        return {"gamma_lower": self.lower, "anytime_lower": self.anytime_lower}


def audited_recall(
    seen: int, weights: Sequence[float], largest_weight: float, sensitivity: float, found: int | None = None
) -> AuditedRecall:
    """Recall with its lower bounds.

    ``weights`` are those of the missed visits that were found (each divided by the visit's multiplicity), and
    ``sensitivity`` the auditors' own recall at its lower bound: what they overlook counts as missed too. ``found`` says
    how many visits the weights are of, unset one each.
    Raises ValueError for a sensitivity that is not above 0, and when nothing was seen at all.
    """
    if not 0.0 < sensitivity <= 1.0:
        raise ValueError(f"the auditors' sensitivity must lie above 0 and not above 1, is {sensitivity}")
    if seen <= 0:
        raise ValueError("the model saw nothing: there is no recall to bound")
    missed = fsum(weights) / sensitivity
    upper = gamma_upper(weights, largest_weight) / sensitivity
    often = audited_anytime_lower(seen, len(weights) if found is None else found, sensitivity / largest_weight)
    return AuditedRecall(seen / (seen + missed), seen / (seen + upper), often, missed, upper)


def audited_anytime_lower(seen: int, found: int, probability: float) -> float:
    """Lower bound of recall that may be computed every day.

    Of the visits that come to be known one after the other, a share is ``seen``, and the rest are missed ones that
    audits ``found``. If recall is ``r`` and a missed visit is found with at least this ``probability``, that share is
    at most ``r / (r + (1 - r) * probability)``. The bound is the largest ``r`` against which the e-value of the share
    speaks.
    """
    return anytime_lower(seen, found, share_of=lambda recall: recall / (recall + (1.0 - recall) * probability))
