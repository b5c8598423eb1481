"""How sure one may be of a rate: events per exposure, single or in clumps. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, lgamma, log

from rollout.evidence.stats.distributions import gamma_at_most, gamma_quantile
from rollout.evidence.stats.proportions import CONFIDENCE, E_PASS


def poisson_upper(count: float, exposure: float, confidence: float = CONFIDENCE) -> float:
    """Exact one-sided upper bound of a rate, for events that come independently.

    Nothing seen in 6 camera-days bounds the rate by .5 a day, in 15 by .2, in 30 by .1.
    """
    if exposure <= 0:
        raise ValueError(f"the exposure must be positive, is {exposure}")
    return gamma_quantile(confidence, count + 1.0) / exposure


def rate_log_evalue(count: float, mean: float) -> float:
    """Logarithm of the evidence against "the rate is at least so large that ``mean`` events were to be expected".

    The likelihood ratio of the shares 0 to 1 of that rate, averaged evenly over them (the mixture is a gamma
    distribution, hence the closed form). Its mean never grows while the rate is at least that large, whenever one
    looks: it ever reaches 20 with probability at most 5 % (Ville's inequality). ``count`` need not be whole.
    """
    more = gamma_at_most(mean, count + 1.0)
    if mean <= 0.0 or more <= 0.0:
        return -inf
    return mean + log(more) + lgamma(count + 1.0) - (count + 1.0) * log(mean)


def anytime_upper(count: float, exposure: float) -> float:
    """Upper bound of a rate that may be computed every day: the smallest rate that the e-value speaks against.

    It asks for more exposure than :func:`poisson_upper`: without any event 9.0 instead of 6.0 for a rate of .5, with
    ten 44 instead of 34.
    """
    if exposure <= 0:
        raise ValueError(f"the exposure must be positive, is {exposure}")
    low, high = count, 2.0 * count + 10.0
    while rate_log_evalue(count, high) < log(E_PASS):
        low, high = high, 2.0 * high
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if rate_log_evalue(count, middle) >= log(E_PASS) else (middle, high)
    return high / exposure


@dataclass(frozen=True, slots=True)
class Rate:
    """Events of many periods: their rate, and upper bounds without and with clumps taken into account."""

    count: int
    exposure: float
    point: float
    poisson_upper: float
    quasipoisson_upper: float
    anytime_upper: float
    """With clumps taken into account, and to be computed every day."""
    dispersion: float
    """Variance over mean of the periods' counts, at least 1: how many events come at once, as it were."""

    @property
    def bounds(self) -> Mapping[str, float]:
        """The upper bounds by the names that gates use."""
        return {
            "poisson_upper": self.poisson_upper,
            "quasipoisson_upper": self.quasipoisson_upper,
            "anytime_upper": self.anytime_upper,
        }


def rate_of(
    counts: Sequence[int],
    exposures: Sequence[float],
    confidence: float = CONFIDENCE,
    groupings: Sequence[Sequence[Hashable]] = (),
) -> Rate:
    """The rate of events over periods such as camera-days, each with its own exposure (the part that was watched).

    False alarms come in clumps: a raccoon sets off six in a night. Where the periods' counts vary more than
    independent events would, count and exposure are divided by that dispersion before the exact bound is taken.
    Clumps may span cameras (a storm) and days (a branch): ``groupings`` name, for each period, the larger unit that it
    belongs to, such as its campsite and night, its night, or its camera and week; the largest dispersion of all counts.
    Periods without exposure are left out. Raises ValueError when none is left.
    """
    there = [exposure > 0 for exposure in exposures]
    kept = [(count, exposure) for count, exposure in zip(counts, exposures, strict=True) if exposure > 0]
    total, exposure = sum(count for count, _ in kept), sum(part for _, part in kept)
    if exposure <= 0:
        raise ValueError("no exposure: nobody was watching in any of these periods")
    phi = max(
        dispersion([count for count, _ in kept], [part for _, part in kept]),
        *(_of_groups(kept, [key for key, is_there in zip(keys, there, strict=True) if is_there]) for keys in groupings),
        1.0,
    )
    return Rate(
        total,
        exposure,
        total / exposure,
        poisson_upper(total, exposure, confidence),
        poisson_upper(total / phi, exposure / phi, confidence),
        anytime_upper(total / phi, exposure / phi),
        phi,
    )


def _of_groups(periods: Sequence[tuple[int, float]], keys: Sequence[Hashable]) -> float:
    """The dispersion of the periods added up by their keys."""
    counts: dict[Hashable, int] = {}
    parts: dict[Hashable, float] = {}
    for (count, part), key in zip(periods, keys, strict=True):
        counts[key] = counts.get(key, 0) + count
        parts[key] = parts.get(key, 0.0) + part
    return dispersion(list(counts.values()), list(parts.values()))


def dispersion(counts: Sequence[int], exposures: Sequence[float]) -> float:
    """Pearson's dispersion of counts around a common rate, at least 1; for equal exposures it is variance over mean."""
    n, total, exposure = len(counts), sum(counts), sum(exposures)
    if n < 2 or total == 0:
        return 1.0
    expected = (total * part / exposure for part in exposures)
    spread = sum((count - mean) ** 2 / mean for count, mean in zip(counts, expected, strict=True))
    return max(1.0, spread / (n - 1))
