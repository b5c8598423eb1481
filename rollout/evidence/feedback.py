"""Does the model steer what people look at, and so what it learns? The numbers of the feedback-loop audit. Pure.

Reviews follow alerts, alerts follow the model. If the model is blind somewhere, nobody looks there, nobody corrects it,
and every figure that rests on reviews looks well. What people find *independently* of the model (audits drawn at
random, blind sightings) shows where the bears are; the e-process asks whether the review effort is there too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from rollout.evidence.stats.change_detectors import HIGHEST, ecusum_step, expected_shares, loop_ratio

DELTA: Final = 0.5
HOLD_AT: Final = 20.0
ALARM_AT: Final = 100.0
EFFORT_WINDOW_S: Final = 28 * 86400.0
LEAST_EFFORT: Final = 20
"""Reviews in the window below which shares of effort mean nothing yet; bears that come before are not counted."""


@dataclass(frozen=True, slots=True)
class At:
    """Something that happened at a campsite: a review, or a bear that was found independently of the model."""

    at: float
    campsite: str


@dataclass(frozen=True, slots=True)
class LoopStep:
    """The e-value after one independent bear."""

    at: float
    campsite: str
    effort_share: float
    evalue: float
    level: float
    """The same, but never below 1 before a step: it notices a loop that begins late, after a long good time."""


def loop_course(
    bears: Iterable[At], reviews: Iterable[At], campsites: Sequence[str], delta: float = DELTA
) -> list[LoopStep]:
    """Run the e-process over all independent bears, in order of time.

    1. The effort share of the bear's campsite is that of the reviews in the 28 days before it.
    2. A bear that comes while there are fewer than :data:`LEAST_EFFORT` reviews in that window is passed over.
    3. What campsite the bear was expected at follows from the independent bears before it.
    """
    by_site: dict[str, list[float]] = {campsite: [] for campsite in campsites}
    for review in sorted(reviews, key=lambda each: each.at):
        if review.campsite in by_site:
            by_site[review.campsite].append(review.at)
    counts: Counter[str] = Counter()
    steps: list[LoopStep] = []
    evalue = level = 1.0
    for bear in sorted(bears, key=lambda each: each.at):
        if bear.campsite not in by_site:
            continue
        effort = {
            site: bisect_left(times, bear.at) - bisect_left(times, bear.at - EFFORT_WINDOW_S)
            for site, times in by_site.items()
        }
        total = sum(effort.values())
        if total >= LEAST_EFFORT:
            share = effort[bear.campsite] / total
            ratio = loop_ratio(expected_shares(counts, campsites)[bear.campsite], share, delta)
            evalue, level = min(evalue * ratio, HIGHEST), ecusum_step(level, ratio)
            steps.append(LoopStep(bear.at, bear.campsite, share, evalue, level))
        counts[bear.campsite] += 1
    return steps


def shares(amounts: Mapping[str, float]) -> dict[str, float]:
    """Each amount's share of the sum; all 0 when the sum is."""
    total = sum(amounts.values())
    return {name: amount / total if total else 0.0 for name, amount in amounts.items()}


def gini(amounts: Sequence[float]) -> float:
    """How unequally something is spread: 0 when all have the same, near 1 when one has everything."""
    ordered = sorted(amounts)
    n, total = len(ordered), sum(ordered)
    if n == 0 or total == 0:
        return 0.0
    ranked = sum(rank * amount for rank, amount in enumerate(ordered, 1))
    return 2 * ranked / (n * total) - (n + 1) / n


def divergence(of: Mapping[str, float], from_: Mapping[str, float]) -> float:
    """Kullback-Leibler divergence ``KL(of || from_)`` of two spreads over the same campsites, in nats.

    Amounts get half a unit each, so that a campsite without any does not make it infinite.
    """
    p, q = (shares({name: amounts.get(name, 0.0) + 0.5 for name in of}) for amounts in (of, from_))
    return sum(p[name] * log(p[name] / q[name]) for name in of)


@dataclass(frozen=True, slots=True)
class CampsiteEffort:
    """One campsite's line in the panel."""

    campsite: str
    reviews: int
    effort_share: float
    watched_h: float
    blind_sightings: int
    audited_bears: float
    """Bears that the audits found there, each by its weight."""
    prevalence_share: float
    """Share of the bears there are, as far as independent sources know."""
    ratio: float | None
    """Effort share over prevalence share: below 1 the campsite gets less attention than it has bears."""


def panel(
    campsites: Sequence[str],
    reviews: Mapping[str, int],
    watched_s: Mapping[str, float],
    blind_sightings: Mapping[str, int],
    audited_bears: Mapping[str, float],
) -> list[CampsiteEffort]:
    """Effort beside prevalence, campsite by campsite.

    Prevalence is the mean of two shares, or the one there is: blind sightings per watched hour, and the audits'
    weighted finds. The watch hours are divided out, so that a campsite does not look rich because it was watched.
    """
    effort = shares({site: float(reviews.get(site, 0)) for site in campsites})
    hourly = shares(
        {
            site: blind_sightings.get(site, 0) / (watched_s[site] / 3600.0) if watched_s.get(site, 0.0) > 0 else 0.0
            for site in campsites
        }
    )
    audited = shares({site: audited_bears.get(site, 0.0) for site in campsites})
    sources = [source for source in (hourly, audited) if any(source.values())]
    lines = []
    for site in campsites:
        prevalence = sum(source[site] for source in sources) / len(sources) if sources else 0.0
        lines.append(
            CampsiteEffort(
                site,
                reviews.get(site, 0),
                effort[site],
                watched_s.get(site, 0.0) / 3600.0,
                blind_sightings.get(site, 0),
                audited_bears.get(site, 0.0),
                prevalence,
                effort[site] / prevalence if prevalence else None,
            )
        )
    return lines


def thinning(effort_shares: Mapping[str, float]) -> dict[str, float]:
    """With what probability a label that the model selected may be used, by campsite: least effort over its effort.

    So every campsite gives as many labels as the one that is looked at least (Ensign et al. 2018). Campsites without
    any effort give none, and do not count as the least.
    """
    least = min((share for share in effort_shares.values() if share > 0), default=0.0)
    return {site: least / share if share > 0 else 0.0 for site, share in effort_shares.items()}
