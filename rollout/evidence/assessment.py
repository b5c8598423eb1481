"""Put every metric together that evidence can give: one read of the database, one value for each metric."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlalchemy.orm import Session

from core.clock import hour_start
from db.models import AlertStatus
from rollout.base.metrics import Measured
from rollout.evidence.audited_recall import Found, audits_done, finds, recall_audit, third_list
from rollout.evidence.audits.audit_metrics import Answered, answered, progress
from rollout.evidence.camera_days import (
    HourlyBaseline,
    NightIndex,
    SeenHour,
    alarm_hours,
    by_motion,
    by_picture,
    camera_nights,
    seen_hours,
)
from rollout.evidence.comparison import (
    EvidenceRule,
    Intervals,
    JudgedVisit,
    SightedVisit,
    during,
    judge,
    nights,
    overlaps,
)
from rollout.evidence.false_alarms import false_alarms, unknown_share, warning_precision
from rollout.evidence.feedback_metrics import LoopView, loop_e, loop_view, selected_share
from rollout.evidence.loader import Observed, Raised, model_time, observe
from rollout.evidence.matching import Detection, Timeline, timelines
from rollout.evidence.operations import operations
from rollout.evidence.recall import (
    against_baseline,
    counts,
    dependence,
    missed,
    recall_beyond_chance,
    times_to_detect,
    with_other_gaps,
    worst_campsite,
)
from rollout.evidence.stats.intervals import Interval, difference, holds, intersection, total
from rollout.evidence.stats.recapture import Overlap, ThirdList
from rollout.evidence.stats.visits import OTHER_GAPS_S, SeenVisit, visits_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessmentScope:
    """What is assessed: which model, where, over which time, and by which rule. Times are UTC seconds."""

    campsites: Sequence[str]
    since: float
    until: float
    model: str
    rule: EvidenceRule = field(default_factory=EvidenceRule)
    model_spans: Intervals | None = None
    """When ``model`` was in use, by campsite; None: its encounters tell."""
    handovers: Intervals
    """When authority was being handed over, by campsite: what people saw then is no blind evidence."""


def assess(session: Session, scope: AssessmentScope) -> dict[str, Measured]:
    """Everything that evidence says about a model, by the metric's name.

    Metrics named ``…_cumulative`` are over all campsites and all time of this model; the others over the campsites and
    the time given. What there is not enough data for has no value, and says what is missing.

    A sighting counts for recall if it was made blind, during a watch, while the model looked and there was no handover,
    and long enough ago that an alert could have come. One that is no longer what was sealed is a miss, whenever it was.

    Raises ValueError for a campsite that is not configured, naming those that are.
    """
    observed = observe(session, scope.model, scope.until)
    unknown = sorted(set(scope.campsites) - set(observed.timezones))
    if unknown:
        known = ", ".join(sorted(observed.timezones)) or "none"
        raise ValueError(f"no evidence can be given for {', '.join(unknown)}: not configured; known campsites: {known}")
    return {measured.metric: measured for measured in Case.of(session, observed, scope).measure()}


@dataclass
class Case:
    """One assessment; what several metrics need is worked out once, when the first of them asks."""

    session: Session
    observed: Observed
    campsites: tuple[str, ...]
    since: float
    model: str
    now: float
    rule: EvidenceRule
    spans: Intervals
    handovers: Intervals

    @classmethod
    def of(cls, session: Session, observed: Observed, scope: AssessmentScope) -> Case:
        """The assessment of ``scope`` over what was ``observed`` until its end."""
        spans = scope.model_spans
        return cls(
            session,
            observed,
            campsites=tuple(dict.fromkeys(scope.campsites)),
            since=scope.since,
            model=scope.model,
            now=scope.until,
            rule=scope.rule,
            spans=model_time(session, scope.model, observed.timezones) if spans is None else spans,
            handovers=scope.handovers,
        )

    def measure(self) -> Iterator[Measured]:
        """All metrics, one after the other."""
        yield from self._recall()
        yield from self._alarms()
        yield from self._audits()
        yield loop_e("loop_e", self.loop)
        yield selected_share("selected_label_share", self.loop)
        yield from operations(self.session, self.campsites, self.since, self.now, self.hours)

    def _recall(self) -> Iterator[Measured]:
        scoped, others, rule = self.scoped, self.others, self.rule
        yield counts("encounters_blind", scoped, self._effort_s(self.campsites, self.since))
        yield counts("encounters_blind_cumulative", self.blind, self._effort_s(self.effort, 0.0))
        yield with_other_gaps(recall_beyond_chance("recall_blind", scoped, others, rule), self._gaps())
        yield recall_beyond_chance("recall_blind_cumulative", self.blind, others, rule)
        yield recall_beyond_chance("recall_blind_night", [each for each in scoped if each.dark], others, rule)
        yield worst_campsite("recall_blind_worst_campsite", scoped, self.campsites)
        yield dependence("recall_dependence_or2", self._overlaps(), rule, self._third())
        yield self._baseline()
        yield missed("missed_sightings", self.anybody, self._watched_s())
        yield from times_to_detect(scoped, rule)

    def _alarms(self) -> Iterator[Measured]:
        index = NightIndex(self.observed.timezones)
        exposure = camera_nights(self.hours, index)
        yield false_alarms(
            "false_alarms_per_camera_day", self.raised, exposure, index, self.rule, self.observed.cameras
        )
        yield warning_precision(
            self.session, "camper_warning_precision", self.campsites, self.since, self.now, self.rule
        )
        yield unknown_share(self.session, "unknown_animal_share", self.campsites, self.since, self.now, self.model)

    def _audits(self) -> Iterator[Measured]:
        yield self._audited("recall_audit", self.raised, self.sheets, self.found)
        everywhere = finds(self.all_sheets, self.lines, self.rule)
        yield self._audited("recall_audit_cumulative", self.observed.raised, self.all_sheets, everywhere)
        yield audits_done("audit_done_over_due", progress(self.session, self.campsites, self.since, self.now))

    @cached_property
    def effort(self) -> Intervals:
        """When somebody watched each campsite while the model looked and nothing was being handed over."""
        return {
            campsite: difference(intersection(watched, self.spans.get(campsite, ())), self.handovers.get(campsite, ()))
            for campsite, watched in self.observed.watches.items()
        }

    @cached_property
    def lines(self) -> Mapping[str, Timeline]:
        """What the model raised and a person confirmed, by campsite. What nobody has decided has seen nothing."""
        return timelines(r.detection for r in self.observed.raised if r.confirmed)

    @cached_property
    def others(self) -> Mapping[str, Timeline]:
        """Those of them that saw nothing that people saw: what could match a sighting by chance alone."""
        sighted = self._judged(self.observed.sightings, self.rule)
        seen = {each.detection.id for each in (*sighted, *self.blind) if each.detection is not None}
        return timelines(r.detection for r in self.observed.raised if r.confirmed and r.detection.id not in seen)

    @cached_property
    def blind_sightings(self) -> list[SightedVisit]:
        """All sightings of all time that count for the recall of this model."""
        lost = [s for s in self.observed.sightings if s.lost and holds(self.spans.get(s.campsite, ()), s.seen_at)]
        kept = [s for s in during(self.observed.sightings, self.effort) if not s.lost]
        return [s for s in (*kept, *lost) if s.blind and self._settled(s)]

    @cached_property
    def blind(self) -> list[JudgedVisit]:
        """The visits that they make up, each with the detection that saw it too."""
        return self._judged(self.blind_sightings, self.rule)

    @cached_property
    def scoped(self) -> list[JudgedVisit]:
        """Those of them in the scope and time of this assessment."""
        return [j for j in self.blind if j.visit.campsite in self.campsites and j.visit.start >= self.since]

    @cached_property
    def anybody(self) -> list[JudgedVisit]:
        """Visits in scope that anybody saw, blind or not, but not during a handover."""
        time = {site: difference(self.spans.get(site, ()), self.handovers.get(site, ())) for site in self.campsites}
        sightings = [s for s in during(self.observed.sightings, time) if s.seen_at >= self.since and self._settled(s)]
        return self._judged(sightings, self.rule)

    @cached_property
    def raised(self) -> list[Raised]:
        """What this model raised in scope."""
        return [
            r
            for r in self.observed.raised
            if r.detection.campsite in self.campsites and r.detection.alert_at >= self.since
        ]

    @cached_property
    def hours(self) -> list[SeenHour]:
        """The camera-hours in scope."""
        return seen_hours(self.session, self.campsites, self.since, self.now)

    @cached_property
    def all_sheets(self) -> list[Answered]:
        """Contact sheets of all campsites, of hours in which this model looked."""
        first = min((span.start for spans in self.spans.values() for span in spans), default=self.since)
        sheets = answered(self.session, None, first, self.now)
        return [sheet for sheet in sheets if holds(self.spans.get(sheet.campsite, ()), sheet.hour_at)]

    @cached_property
    def sheets(self) -> list[Answered]:
        """Those of them in the scope and time of this assessment."""
        since = hour_start(self.since)
        return [sheet for sheet in self.all_sheets if sheet.campsite in self.campsites and sheet.hour_at >= since]

    @cached_property
    def found(self) -> list[Found]:
        """The bears on drawn sheets."""
        return finds(self.sheets, self.lines, self.rule)

    @cached_property
    def loop(self) -> LoopView:
        """The feedback-loop audit."""
        done = sum(sheet.bear is not None and sheet.probability is not None for sheet in self.sheets)
        return loop_view(
            self.session, self.campsites, self.since, self.now, self.scoped, self.found, done, self.observed.watches,
            self.rule,
        )  # fmt: skip

    def _audited(
        self, metric: str, raised: Iterable[Raised], sheets: Sequence[Answered], found: Sequence[Found]
    ) -> Measured:
        """Recall by these sheets, with the confirmed visits of the days that they were drawn from."""
        days = {sheet.hour_at // 86400 for sheet in sheets}
        confirmed = (r.detection for r in raised if r.status is AlertStatus.CONFIRMED)
        visits = visits_of(_seen(confirmed), self.rule.gap_s)
        on_drawn_days = sum(visit.start // 86400 in days for visit in visits)
        return recall_audit(metric, sheets, found, on_drawn_days, self.rule)

    def _judged(self, sightings: Iterable[SightedVisit], rule: EvidenceRule) -> list[JudgedVisit]:
        return judge(sightings, self.lines, self.observed.timezones, rule)

    def _settled(self, sighting: SightedVisit) -> bool:
        """Whether an alert that counts for it would have come by now."""
        return sighting.seen_at + self.rule.match.after_s <= self.now

    def _gaps(self) -> dict[float, list[JudgedVisit]]:
        """The visits in scope, had they been told apart by another gap."""
        sightings = [s for s in self.blind_sightings if s.campsite in self.campsites and s.seen_at >= self.since]
        return {gap_s: self._judged(sightings, replace(self.rule, gap_s=gap_s)) for gap_s in OTHER_GAPS_S}

    def _effort_s(self, campsites: Iterable[str], since: float) -> float:
        """How long these campsites were watched in time that counts, all together."""
        period = [Interval(since, self.now)]
        return sum(total(intersection(self.effort.get(site, ()), period)) for site in campsites)

    def _watched_s(self) -> float:
        """How long the campsites in scope were watched, all together."""
        period = [Interval(self.since, self.now)]
        return sum(total(intersection(self.observed.watches.get(site, ()), period)) for site in self.campsites)

    def _overlaps(self) -> dict[str, Overlap]:
        watched = [
            r.detection
            for r in self.raised
            if r.shadow
            and r.status is AlertStatus.CONFIRMED
            and holds(self.effort.get(r.detection.campsite, ()), r.detection.first_at)
        ]
        return overlaps(self.scoped, watched, self.observed.timezones, self.rule)

    def _third(self) -> ThirdList:
        return third_list(self.found, self.scoped, self.effort, self.rule.gap_s)

    def _baseline(self) -> Measured:
        metric = "recall_minus_baseline"
        if not self.hours:
            return Measured(metric, None, unit="bear-nights", why="no camera-hours have been counted in this time")
        alarms = alarm_hours((r.detection.camera, r.detection.alert_at) for r in self.raised)
        first = nights(self.scoped)
        motion, picture = (HourlyBaseline(self.hours, alarms, amount) for amount in (by_motion, by_picture))
        seen, other = ([which.sees(each.visit, self.rule.match) for each in first] for which in (motion, picture))
        known = any(hour.scene_gap is not None for hour in self.hours)
        return against_baseline(metric, self.scoped, seen, self.rule, other if known else None)


def _seen(detections: Iterable[Detection]) -> Iterator[SeenVisit]:
    for each in detections:
        yield SeenVisit(each.id, each.campsite, each.camera, each.first_at, each.last_at)
