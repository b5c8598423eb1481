"""What has been seen so far in a season, and the metrics that follow: the production statistics over simulated rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rollout.base.metrics import Measured
from rollout.evidence.comparison import EvidenceRule, JudgedVisit, nights
from rollout.evidence.false_alarms import clumps
from rollout.evidence.feedback import At, loop_course
from rollout.evidence.matching import Detection
from rollout.evidence.recall import against_baseline, counts, dependence, missed, recall, worst_campsite
from rollout.evidence.stats.proportions import E_PASS, clopper_pearson_lower, needed_for_evalue, needed_n
from rollout.evidence.stats.rates import rate_of
from rollout.evidence.stats.recapture import Overlap
from rollout.evidence.stats.visits import SeenVisit, Visit
from rollout.evidence.stats.weighted import audited_recall
from rollout.stages.gates import GateOutcome, GateResult, assess_gate
from rollout.stages.spec import Gate
from rollout.stages.time_rules import FreshnessTimes
from simulation.seasons.fixture_site import CAMERAS, CAMERAS_EACH, SITES
from simulation.seasons.random_streams import (
    AUDITOR_SEES,
    DAY_S,
    PLANTED_A_DAY,
    SHEET_SHARE,
    SHEETS_A_DAY,
    START,
    BearVisit,
    RandomStreams,
)

RULE = EvidenceRule()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an analysis is about. ``operations`` are the metrics of machines and people, which the season knows."""

    campsites: frozenset[str]
    since: float
    now: float
    operations: Callable[[], Mapping[str, Measured]]


@dataclass
class EvidenceLedger:
    """Everything that people and the model have seen."""

    draws: RandomStreams
    blind: list[JudgedVisit] = field(default_factory=list)
    anybody: list[JudgedVisit] = field(default_factory=list)
    first: dict[str, bool] = field(default_factory=dict)
    """By bear-night: whether the model saw its first visit."""
    motion: dict[str, bool] = field(default_factory=dict)
    """By bear-night: whether motion alone would have seen its first visit."""
    overlaps: dict[str, Overlap] = field(default_factory=lambda: {"light": Overlap(0, 0, 0), "dark": Overlap(0, 0, 0)})
    seen: list[At] = field(default_factory=list)
    """Visits of the model that rangers confirmed."""
    audited: list[tuple[At, bool]] = field(default_factory=list)
    """Bears on drawn sheets, and whether the model had missed them."""
    reviews: list[At] = field(default_factory=list)
    warned: list[tuple[float, bool]] = field(default_factory=list)
    """Warnings to campers, and whether there was a bear."""
    red: str = ""
    """The gate that did not pass at the last analysis."""
    not_before: float = 0.0
    """No analysis before."""
    _known: dict[tuple[str, frozenset[str], float, int], Measured] = field(default_factory=dict)

    def note(
        self, bear_visit: BearVisit, model_saw: bool, ranger_saw: bool, blind: bool, in_shadow: bool
    ) -> JudgedVisit:
        """One visit that is over. ``blind``: an observer was on watch without the model's view; they may have missed
        it. ``ranger_saw``: somebody on watch saw it."""
        judged = judged_of(bear_visit, model_saw)
        if ranger_saw:
            self.anybody.append(judged)
        if ranger_saw and blind:
            self.motion.setdefault(bear_visit.night, bear_visit.motion_sees)
            self.first.setdefault(bear_visit.night, model_saw)
            self.blind.append(judged)
        if blind and (ranger_saw or (model_saw and in_shadow)):
            stratum = "dark" if bear_visit.dark else "light"
            one = Overlap(ranger_saw and not model_saw, model_saw and not ranger_saw, ranger_saw and model_saw)
            self.overlaps[stratum] += one
        where = At(bear_visit.at, SITES[bear_visit.site])
        if model_saw:
            self.seen.append(where)
            self.reviews.append(where)
        if bear_visit.sheets_with_it:
            self.audited.append((where, not model_saw))
        return judged

    def all_green(self, gates: Sequence[Gate], asked: Asked, often: bool) -> tuple[GateResult, ...] | None:
        """All gates' results if all pass; None as soon as one does not. People do not ask while one is not green."""
        found: dict[str, GateResult] = {}  # by all that a gate says
        if asked.now < self.not_before:
            return None
        # What was red yesterday is analysed first today; false alarms that are too many, in a few days again.
        for gate in sorted((gate for gate in gates if not gate.dry_run), key=lambda gate: str(gate) != self.red):
            if self._too_few_nights(gate):
                self.red = str(gate)
                return None
            window = asked if gate.window == "stage" else _last_day(asked)
            result = assess_gate(gate, self.measure(gate.metric, window), often)
            if result.outcome is not GateOutcome.PASSED:
                self.red = str(gate)
                if gate.metric == "false_alarms_per_camera_day":
                    self.not_before = asked.now + 3 * DAY_S
                return None
            found[gate.key] = result
        return tuple(found.values())

    def _too_few_nights(self, gate: Gate) -> bool:
        """Whether a gate on all nights' recall cannot pass yet, by the plan's arithmetic: it saves working it out."""
        if gate.metric not in ("recall_blind", "recall_blind_cumulative"):
            return False
        n, misses = len(self.first), sum(not hit for hit in self.first.values())
        if gate.bound == "eprocess":
            return n < needed_for_evalue(gate.r0 or RULE.least_recall, misses, gate.e_min or E_PASS)
        return gate.value is not None and n < needed_n(gate.value, misses)

    def measure(self, metric: str, asked: Asked) -> Measured | None:
        """A metric as it stands; None when nobody measures it."""
        maker = _MAKERS.get(metric)
        if maker is None:
            return asked.operations().get(metric)
        if not metric.startswith(("recall_blind", "encounters")):
            return maker(self, metric, asked)
        # Nothing new was seen: the same as yesterday.
        key = (metric, asked.campsites, asked.since, len(self.blind))
        if key not in self._known:
            self._known[key] = maker(self, metric, asked)
        return self._known[key]

    def scoped(self, judged: Sequence[JudgedVisit], asked: Asked) -> list[JudgedVisit]:
        """Those at the campsites and in the time that are asked about."""
        return [j for j in judged if j.visit.start >= asked.since and j.visit.campsite in asked.campsites]


def judged_of(bear_visit: BearVisit, model_saw: bool) -> JudgedVisit:
    """A visit as the evidence has it, once it has been matched."""
    site = SITES[bear_visit.site]
    seen = SeenVisit(bear_visit.id, site, None, bear_visit.at, bear_visit.at)
    detection = Detection(
        bear_visit.id, site, bear_visit.cameras[0], bear_visit.at, bear_visit.at + 5.0, bear_visit.end
    )
    visit = Visit(site, bear_visit.at, bear_visit.at, (seen,))
    return JudgedVisit(visit, bear_visit.night, bear_visit.dark, detection if model_saw else None)


def _last_day(asked: Asked) -> Asked:
    return Asked(asked.campsites, max(asked.since, asked.now - DAY_S), asked.now, asked.operations)


def _counts(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    return counts(metric, ledger.scoped(ledger.blind, asked), 0.0)


def _counts_all(ledger: EvidenceLedger, metric: str, _asked: Asked) -> Measured:
    return counts(metric, ledger.blind, 0.0)


def _recall(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    return recall(metric, ledger.scoped(ledger.blind, asked), RULE)


def _recall_all(ledger: EvidenceLedger, metric: str, _asked: Asked) -> Measured:
    return recall(metric, ledger.blind, RULE)


def _recall_night(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    return recall(metric, [j for j in ledger.scoped(ledger.blind, asked) if j.dark], RULE)


def _recall_worst(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    return worst_campsite(metric, ledger.scoped(ledger.blind, asked), sorted(asked.campsites))


def _dependence(ledger: EvidenceLedger, metric: str, _asked: Asked) -> Measured:
    return dependence(metric, ledger.overlaps, RULE)


def _baseline(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    scoped = ledger.scoped(ledger.blind, asked)
    return against_baseline(metric, scoped, [ledger.motion[each.night] for each in nights(scoped)], RULE)


def _missed(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    return missed(metric, ledger.scoped(ledger.anybody, asked), asked.now - asked.since)


def _false_alarms(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    columns = [i for i in range(len(CAMERAS)) if SITES[i // CAMERAS_EACH] in asked.campsites]
    first, last = int((asked.since - START) // DAY_S), int((asked.now - START) // DAY_S)
    drawn = ledger.draws.false_alarms[first : max(last, first + 1), columns]
    found = drawn.ravel().tolist()
    when = [(CAMERAS[camera], day) for day in range(first, first + len(drawn)) for camera in columns]
    sites = {name: SITES[number // CAMERAS_EACH] for number, name in enumerate(CAMERAS)}
    rate = rate_of(found, [1.0] * len(found), groupings=clumps(when, sites))
    return Measured(metric, rate.point, rate.bounds, rate.exposure, "camera-days")


def _audit(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    """Contact sheets drawn evenly: every camera-hour with the same probability, so that all weights are the same."""
    days = (asked.now - asked.since) / DAY_S
    share = len(asked.campsites) / len(SITES)
    planted = round(PLANTED_A_DAY * days * share)
    lower = clopper_pearson_lower(round(planted * AUDITOR_SEES), planted)
    confirmed = sum(at.at >= asked.since and at.campsite in asked.campsites for at in ledger.seen)
    if not confirmed or lower <= 0.0:
        return Measured(metric, None, unit="camera-hours", why="too few audits")
    weight = 1.0 / SHEET_SHARE
    lost = [1 for at, was in ledger.audited if was and at.at >= asked.since and at.campsite in asked.campsites]
    result = audited_recall(confirmed, [weight] * len(lost), weight, lower)
    n = SHEETS_A_DAY * days * share
    return Measured(metric, result.recall, result.bounds, n, "camera-hours")


def _audit_all(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    return _audit(ledger, metric, Asked(frozenset(SITES), START, asked.now, asked.operations))


def _loop(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    bears = [At(j.visit.start, j.visit.campsite) for j in ledger.scoped(ledger.blind, asked)]
    bears += [at for at, _missed in ledger.audited if at.at >= asked.since]
    course = loop_course(bears, ledger.reviews, SITES)
    if not course:
        return Measured(metric, None, why="no independent bears")
    return Measured(metric, course[-1].evalue, n=len(course), unit="independent bears")


def _selected(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    reviews = sum(at.at >= asked.since for at in ledger.reviews)
    others = len(ledger.scoped(ledger.blind, asked)) + SHEETS_A_DAY * (asked.now - asked.since) / DAY_S
    return Measured(metric, reviews / (reviews + others), n=reviews + others, unit="labels")


def _precision(ledger: EvidenceLedger, metric: str, asked: Asked) -> Measured:
    found = [right for at, right in ledger.warned if at >= asked.since]
    if not found:
        return Measured(metric, None, why="campers have not been warned in this time")
    lower = clopper_pearson_lower(sum(found), len(found))
    return Measured(metric, float(np.mean(found)), {"cp_lower": lower}, len(found), "warnings")


_MAKERS: Mapping[str, Callable[[EvidenceLedger, str, Asked], Measured]] = {
    "encounters_blind": _counts,
    "encounters_blind_cumulative": _counts_all,
    "recall_blind": _recall,
    "recall_blind_cumulative": _recall_all,
    "recall_blind_night": _recall_night,
    "recall_blind_worst_campsite": _recall_worst,
    "recall_dependence_or2": _dependence,
    "recall_minus_baseline": _baseline,
    "recall_audit": _audit,
    "recall_audit_cumulative": _audit_all,
    "false_alarms_per_camera_day": _false_alarms,
    "missed_sightings": _missed,
    "loop_e": _loop,
    "selected_label_share": _selected,
    "camper_warning_precision": _precision,
}


def operations(
    *, days: float, cameras: int, uptime: float, open_breakers: int, canary: float, drill_age_d: float
) -> dict[str, Measured]:
    """What machines and people report of a stage."""
    clips = DAY_S / FreshnessTimes().clips_every.nominal_s * days * cameras
    values: Iterator[tuple[str, float, float]] = iter(
        (
            ("inference_latency_p99_s", 0.4, clips),
            ("alert_end_to_end_p99_s", 3.0, clips),
            ("delivery_latency_p99_s", 4.0, 1.0),
            ("camera_uptime", uptime, days * cameras),
            ("audit_done_over_due", 0.97, SHEETS_A_DAY * days),
            ("open_breakers", float(open_breakers), 1.0),
            ("canary_clip_recall", canary, 24.0 * cameras),
            ("manual_watch_drill_age_d", drill_age_d, 1.0),
            ("watch_coverage", 0.98, 1.0),
            ("appeals_upheld_open", 0.0, 1.0),
        )
    )
    return {metric: Measured(metric, value, n=n) for metric, value, n in values}
