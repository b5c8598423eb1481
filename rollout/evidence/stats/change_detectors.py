"""Sequential detectors: each looks at every new observation and may be asked at any moment. Pure.

A breaker watches for months, so that a test at a fixed level would trip sooner or later whatever happens. These
detectors multiply e-values instead. For an alarm level ``c`` the mean time between false alarms of one that restarts
(:func:`ecusum_step`, :func:`sr_mixture_step`, :class:`BettingMixture`) is at least ``c`` observations, whatever the
data look like as long as the null hypothesis holds (Shin, Ramdas & Rinaldo, "E-detectors", 2022). One that never
restarts (:func:`loop_eprocess_step`) ever reaches ``c`` with probability at most ``1 / c`` (Ville's inequality).

A level is a plain number that begins at 1: the caller stores it and hands it back with the next observation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

HIGHEST: Final = 1e12
"""Levels stop here: far beyond every alarm, far below what a float cannot hold."""
BETS: Final = (1.0, 3.0, 5.0, 7.0)
SMALLEST_SHARE: Final = 0.005
"""Shares of effort below this count as this, so that one bear at a forgotten campsite is no infinite evidence."""
MIXED: Final = (0.35, 0.75, 1.5, 2.5)
"""Where the alternatives of :func:`sr_mixture_step` lie: so many times as far from ``p0`` as ``p1`` does."""
HIGHEST_SHARE: Final = 0.95


def ecusum_step(level: float, ratio: float) -> float:
    """The next level of an e-CUSUM: evidence for a change at any moment so far, ``max(level, 1) * ratio``.

    ``ratio`` is an e-value of the newest observation: its mean is at most 1 as long as nothing is wrong. Alarm when
    the level reaches ``c``; false alarms are then at least ``c`` observations apart on average.
    """
    return min(max(level, 1.0) * ratio, HIGHEST)


def bernoulli_ratio(happened: bool, p0: float, p1: float) -> float:
    """Likelihood ratio of one event that happens with probability ``p0`` if all is well and ``p1`` if not.

    For missed encounters: ``bernoulli_ratio(missed, 0.10, 0.30)``. Raises ValueError unless 0 < p0 < p1 < 1.
    """
    if not 0.0 < p0 < p1 < 1.0:
        raise ValueError(f"need 0 < p0 < p1 < 1, not p0={p0}, p1={p1}")
    return p1 / p0 if happened else (1.0 - p1) / (1.0 - p0)


def sr_mixture_step(levels: Sequence[float], happened: bool, p0: float, p1: float) -> tuple[float, ...]:
    """The next levels of a Shiryaev-Roberts mixture, one for each alternative around ``p1``; their mean is the
    evidence.

    Each level adds up the likelihood ratios of a change before each observation so far, where an e-CUSUM takes the
    largest: ``(1 + level) * ratio``, from 0. While the event happens with probability ``p0`` at most, the mean grows by
    1 an observation at most, so that alarms at ``c`` are at least ``c`` observations apart on average (Shin, Ramdas &
    Rinaldo, section 3). An e-CUSUM with the same ``c`` keeps that promise many times over, and pays for it with delay.
    """
    before = levels or (0.0,) * len(MIXED)
    shares = [min(p0 + far * (p1 - p0), HIGHEST_SHARE) for far in MIXED]
    return tuple(
        min((1.0 + level) * bernoulli_ratio(happened, p0, share), HIGHEST)
        for level, share in zip(before, shares, strict=True)
    )


@dataclass(frozen=True, slots=True)
class BettingMixture:
    """Watches whether the mean of bounded observations has risen above ``mean``; nothing else is assumed of them.

    Observations lie between 0 and ``cap``; larger ones count as ``cap``. Each bet plays its own e-CUSUM with the
    factor ``1 + bet * (y - m)`` on the scale from 0 to 1; ``level`` is their average, itself an e-detector.
    Raises ValueError when a bet could lose more than it has.
    """

    mean: float
    cap: float
    bets: tuple[float, ...] = BETS
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 < self.mean < self.cap:
            raise ValueError(f"need 0 < mean < cap, not mean={self.mean}, cap={self.cap}")
        if max(self.bets) * self.mean / self.cap > 1.0 or min(self.bets) <= 0.0:
            raise ValueError(f"bets must lie between 0 and cap / mean = {self.cap / self.mean:.3g}, not {self.bets}")
        if self.levels and len(self.levels) != len(self.bets):
            raise ValueError(f"{len(self.levels)} levels for {len(self.bets)} bets")

    @property
    def level(self) -> float:
        """The evidence so far; 1 before the first observation."""
        return fmean(self.levels) if self.levels else 1.0

    def step(self, observations: Iterable[float]) -> BettingMixture:
        """The detector after one more period, such as a day with one count for each camera.

        The observations of a period may depend on one another; their average is one observation. A period without
        any changes nothing.
        """
        values = [min(max(value, 0.0), self.cap) / self.cap for value in observations]
        if not values:
            return self
        surprise = fmean(values) - self.mean / self.cap
        before = self.levels or tuple(1.0 for _ in self.bets)
        after = (ecusum_step(old, 1.0 + bet * surprise) for old, bet in zip(before, self.bets, strict=True))
        return replace(self, levels=tuple(after))


def loop_eprocess_step(evalue: float, site_share: float, effort_share: float, delta: float = 0.5) -> float:
    """The next e-value against "review effort follows the bears", after one independent bear at one campsite.

    ``site_share`` is the share of independent bears that this campsite was expected to have, and ``effort_share`` its
    share of the review effort; both known *before* this bear came (:func:`expected_shares` gives the former). Under
    "no campsite has more than ``1 + delta`` times as large a share of the bears as of the effort" the e-value's mean
    never grows: it ever reaches ``1 / a`` with probability at most ``a``. Hold at 20, alarm at 100.
    """
    return min(evalue * loop_ratio(site_share, effort_share, delta), HIGHEST)


def loop_ratio(site_share: float, effort_share: float, delta: float = 0.5) -> float:
    """What one independent bear multiplies the loop's e-value by.

    As long as effort follows the bears, the e-value shrinks; after a good year a loop would take long to show. Whoever
    watches for longer than a stage gives this ratio to :func:`ecusum_step`, whose level does not fall below 1.
    """
    if delta < 0.0:
        raise ValueError(f"delta must not be negative, is {delta}")
    return site_share / ((1.0 + delta) * max(effort_share, SMALLEST_SHARE))


def expected_shares(counts: Mapping[str, int], sites: Sequence[str]) -> dict[str, float]:
    """Each campsite's share of the next independent bear, from the counts so far: ``(count + 1) / (sum + K)``."""
    total = sum(counts.get(site, 0) for site in sites) + len(sites)
    return {site: (counts.get(site, 0) + 1) / total for site in sites}
