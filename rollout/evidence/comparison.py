"""What people saw and what the model saw, side by side. Pure: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rollout.evidence.matching import Detection, MatchRule, Timeline, match
from rollout.evidence.stats.intervals import Interval, holds, touches, union
from rollout.evidence.stats.proportions import CONFIDENCE, first_of_each
from rollout.evidence.stats.recapture import Overlap
from rollout.evidence.stats.visits import GAP_S, SeenVisit, Visit, is_dark, night_of, visits_of


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """How evidence is counted; the same for every stage of a plan, for gates, breakers, reports and pages.

    Without a plan it is what a plan says that says nothing.
    """

    gap_s: float = GAP_S
    match: MatchRule = field(default_factory=MatchRule)
    confidence: float = CONFIDENCE
    least_recall: float = 0.90
    """The recall that the e-value speaks against."""
    also_against: tuple[float, ...] = ()
    """Further ones, each with an e-value of its own."""


@dataclass(frozen=True, slots=True)
class SightedVisit:
    """A bear that a person saw with their own eyes, as it was sealed."""

    id: int
    campsite: str
    camera: str | None
    seen_at: float
    blind: bool
    lost: bool = False
    """It is no longer what was sealed: a miss, whatever the model raised."""


@dataclass(frozen=True, slots=True)
class JudgedVisit:
    """A visit that people saw, and the detection that saw it too, if any did."""

    visit: Visit
    night: str
    """Campsite and night: the independent unit."""
    dark: bool
    detection: Detection | None
    lost: bool = False
    """One of its sightings is no longer what was sealed."""

    @property
    def entry(self) -> tuple[bool, int]:
        """Orders the visits of a night: what was lost before anything else, then as they were entered."""
        return (not self.lost, min(each.id for each in self.visit.seen))

    @property
    def hit(self) -> bool:
        """Whether the model saw it."""
        return self.detection is not None

    @property
    def time_to_alert_s(self) -> float | None:
        """From the first sight of the bear, by anybody, to the alert; None for a miss."""
        if self.detection is None:
            return None
        return max(0.0, self.detection.alert_at - min(self.visit.start, self.detection.first_at))


Intervals = Mapping[str, Sequence[Interval]]
"""By campsite, each as :func:`rollout.evidence.stats.intervals.union` gives them."""


def during(sightings: Iterable[SightedVisit], time: Intervals) -> list[SightedVisit]:
    """Sightings at moments that count at their campsite."""
    return [each for each in sightings if holds(time.get(each.campsite, ()), each.seen_at)]


def judge(
    sightings: Iterable[SightedVisit], lines: Mapping[str, Timeline], timezones: Mapping[str, str], rule: EvidenceRule
) -> list[JudgedVisit]:
    """Merge sightings into visits, and match each with at most one detection; in order of time.

    A visit with a sighting that is no longer what was sealed is a miss.
    """
    listed = list(sightings)
    lost = {each.id for each in listed if each.lost}
    visits = visits_of((SeenVisit(s.id, s.campsite, s.camera, s.seen_at, s.seen_at) for s in listed), rule.gap_s)
    judged = [
        _judged(visit, detection, timezones[visit.campsite], any(seen.id in lost for seen in visit.seen))
        for visit, detection in zip(visits, match(visits, lines, rule.match), strict=True)
    ]
    return sorted(judged, key=lambda each: (each.visit.start, each.visit.campsite))


def _judged(visit: Visit, detection: Detection | None, timezone: str, lost: bool) -> JudgedVisit:
    night = f"{visit.campsite}/{night_of(visit.start, timezone)}"
    return JudgedVisit(visit, night, is_dark(visit.start, timezone), None if lost else detection, lost)


def nights(judged: Iterable[JudgedVisit]) -> list[JudgedVisit]:
    """One visit of each bear-night: independent units, in order of time.

    It is the one that was entered first, not the one that was seen first: otherwise whoever enters an earlier one
    afterwards would choose. Where one was lost, that one.
    """
    chosen = first_of_each((each.night, each) for each in sorted(judged, key=lambda each: each.entry))
    return sorted(chosen, key=lambda each: (each.visit.start, each.visit.campsite))


def clusters(judged: Iterable[JudgedVisit]) -> tuple[list[int], list[int]]:
    """Hits and visits of each bear-night."""
    hits: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for each in judged:
        hits[each.night] = hits.get(each.night, 0) + each.hit
        sizes[each.night] = sizes.get(each.night, 0) + 1
    return list(hits.values()), list(sizes.values())


def overlaps(
    judged: Sequence[JudgedVisit],
    watched: Iterable[Detection],
    timezones: Mapping[str, str],
    rule: EvidenceRule,
) -> dict[str, Overlap]:
    """Visits that the ranger alone, the model alone, or both saw, in the light and in the dark.

    ``watched`` are the model's detections that a person confirmed, from the time in which somebody watched blind: what
    nobody has decided is not known to be a bear, and must not speak for the model. A visit of the model counts as its
    own only if it lies more than the gap away from every sighting: a late alert about a visit that the ranger saw is no
    second visit.
    """
    counts = {"light": [0, 0, 0], "dark": [0, 0, 0]}
    for each in judged:
        counts["dark" if each.dark else "light"][2 if each.hit else 0] += 1
    seen = _spans(judged, rule.gap_s)
    for visit in visits_of((SeenVisit(d.id, d.campsite, d.camera, d.first_at, d.last_at) for d in watched), rule.gap_s):
        if not touches(seen.get(visit.campsite, ()), visit.start, visit.end):
            counts["dark" if is_dark(visit.start, timezones[visit.campsite]) else "light"][1] += 1
    return {stratum: Overlap(*numbers) for stratum, numbers in counts.items()}


def _spans(judged: Iterable[JudgedVisit], gap_s: float) -> Intervals:
    """What people saw, with what was matched to it and the gap on both sides, by campsite."""
    spans: dict[str, list[Interval]] = {}
    for each in judged:
        start, end = each.visit.start, each.visit.end
        if each.detection is not None:
            start, end = min(start, each.detection.first_at), max(end, each.detection.last_at)
        spans.setdefault(each.visit.campsite, []).append(Interval(start - gap_s, end + gap_s))
    return {campsite: union(found) for campsite, found in spans.items()}
