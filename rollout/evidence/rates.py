"""How sure one may be of a rate: events per exposure, single or in clumps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.evidence.distributions import gamma_quantile
from rollout.evidence.proportions import CONFIDENCE


def poisson_upper(count: float, exposure: float, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided upper bound of a rate, for events that come independently.

    Nothing seen in 6 camera-days bounds the rate by .5 a day, in 15 by .2, in 30 by .1.
    """
    if exposure <= 0:
        raise ValueError(f"the exposure must be positive, is {exposure}")
    return gamma_quantile(confidence, count + 1.0) / exposure


def poisson_lower(count: float, exposure: float, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided lower bound of a rate."""
    if exposure <= 0:
        raise ValueError(f"the exposure must be positive, is {exposure}")
    if count <= 0:
        return 0.0
    return gamma_quantile(1.0 - confidence, count) / exposure


@dataclass(frozen=True, slots=True)
class Rate:
    """Events of many periods: their rate, and upper bounds without and with clumps taken into account."""

    count: int
    exposure: float
    point: float
    poisson_upper: float
    quasipoisson_upper: float
    dispersion: float
    """Variance over mean of the periods' counts, at least 1: how many events come at once, as it were."""


def rate_of(counts: Sequence[int], exposures: Sequence[float], confidence: float = CONFIDENCE) -> Rate:
    """The rate of events over periods such as camera-days, each with its own exposure (the part that was watched).

    False alarms come in clumps: a raccoon sets off six in a night. Where the periods' counts vary more than
    independent events would, count and exposure are divided by that dispersion before the exact bound is taken.
    Periods without exposure are left out. Raises ValueError when none is left.
    """
    kept = [(count, exposure) for count, exposure in zip(counts, exposures, strict=True) if exposure > 0]
    total, exposure = sum(count for count, _ in kept), sum(part for _, part in kept)
    if exposure <= 0:
        raise ValueError("no exposure: nobody was watching in any of these periods")
    phi = dispersion([count for count, _ in kept], [part for _, part in kept])
    return Rate(
        total,
        exposure,
        total / exposure,
        poisson_upper(total, exposure, confidence),
        poisson_upper(total / phi, exposure / phi, confidence),
        phi,
    )


def dispersion(counts: Sequence[int], exposures: Sequence[float]) -> float:
    """Pearson's dispersion of counts around a common rate, at least 1; for equal exposures it is variance over mean."""
    n, total, exposure = len(counts), sum(counts), sum(exposures)
    if n < 2 or total == 0:
        return 1.0
    expected = (total * part / exposure for part in exposures)
    spread = sum((count - mean) ** 2 / mean for count, mean in zip(counts, expected, strict=True))
    return max(1.0, spread / (n - 1))


def needed_exposure(rate: float, count: int = 0, confidence: float = CONFIDENCE) -> float:
    """How much exposure bounds a rate by ``rate`` when so many events are seen in it."""
    return poisson_upper(count, 1.0, confidence) / rate
