"""Recall by audits: what the model saw, against what people found at random that it had not seen. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.models import BearSeen, SheetKind
from rollout.base.metrics import Measured
from rollout.evidence.audits.audit_metrics import Answered, AuditProgress, sensitivity
from rollout.evidence.comparison import EvidenceRule, Intervals, JudgedVisit
from rollout.evidence.matching import Timeline
from rollout.evidence.stats.intervals import holds
from rollout.evidence.stats.recapture import ThirdList
from rollout.evidence.stats.visits import SeenVisit, Visit, visits_of
from rollout.evidence.stats.weighted import audited_recall

DAY_S = 86400.0
_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """A bear on a drawn sheet: when and where, how much the sheet weighs, and whether the model saw it."""

    sheet_id: int
    campsite: str
    start: float
    end: float
    weight: float
    missed: bool


def finds(sheets: Iterable[Answered], lines: Mapping[str, Timeline], rule: EvidenceRule) -> list[Found]:
    """The bears on drawn sheets.

    A sheet tells the minute of each thumbnail. The model saw that visit if it had any detection there from
    ``match.after_s`` before the first marked minute to as long after the last. ``lines`` must be without the detections
    that a person rejected. The weight makes up for drawn sheets that nobody has answered yet, or with "unsure".
    """
    drawn = [sheet for sheet in sheets if sheet.kind is SheetKind.RANDOM]
    certain = [sheet for sheet in drawn if sheet.bear in (BearSeen.YES, BearSeen.NO)]
    factor = len(drawn) / len(certain) if certain else 1.0
    found = []
    for sheet in certain:
        if not sheet.found or sheet.probability is None:
            continue
        minutes = [sheet.minutes[index] for index in sheet.marked]
        start, end = sheet.hour_at + min(minutes) * _MINUTE_S, sheet.hour_at + (max(minutes) + 1) * _MINUTE_S
        line = lines.get(sheet.campsite)
        seen = line is not None and bool(line.overlapping(start - rule.match.after_s, end + rule.match.after_s))
        found.append(Found(sheet.sheet_id, sheet.campsite, start, end, factor / sheet.probability, not seen))
    return found


def visit_weights(found: Sequence[Found], gap_s: float) -> dict[int, float]:
    """What each find stands for in visits, by its sheet: its weight, divided by the finds of the same visit.

    A visit that covers several camera-hours has as many chances to be drawn. Only those that were drawn and found are
    known, so that the division is by too few: the number of missed visits comes out too high rather than too low.
    """
    weight = {each.sheet_id: each.weight for each in found}
    return {seen.id: weight[seen.id] / len(visit.seen) for visit in _visits(found, gap_s) for seen in visit.seen}


def _visits(found: Iterable[Found], gap_s: float) -> list[Visit]:
    return visits_of((SeenVisit(each.sheet_id, each.campsite, None, each.start, each.end) for each in found), gap_s)


def third_list(found: Sequence[Found], judged: Iterable[JudgedVisit], effort: Intervals, gap_s: float) -> ThirdList:
    """The bears on drawn sheets that the model missed while a ranger watched blind, by whether the ranger saw them.

    A find that touches a visit which the ranger saw is that visit, and what the model saw of it counts. Finds weigh as
    they were drawn, scaled so that together they count as many as equal ones with the same spread would (Kish).
    """
    weights = visit_weights(found, gap_s)
    watched = [each for each in found if holds(effort.get(each.campsite, ()), each.start)]
    by_site: dict[str, list[JudgedVisit]] = {}
    for each in judged:
        by_site.setdefault(each.visit.campsite, []).append(each)
    seen, unseen = [], []
    for visit in _visits(watched, gap_s):
        weight = sum(weights[part.id] for part in visit.seen)
        same = [
            each
            for each in by_site.get(visit.campsite, ())
            if each.visit.start - gap_s <= visit.end and each.visit.end + gap_s >= visit.start
        ]
        if same and not any(each.hit for each in same):
            seen.append(weight)
        elif not same and all(each.missed for each in watched if each.sheet_id in {part.id for part in visit.seen}):
            unseen.append(weight)
    squares = sum(weight**2 for weight in (*seen, *unseen))
    scale = sum((*seen, *unseen)) / squares if squares else 0.0
    return ThirdList(sum(seen) * scale, sum(unseen) * scale)


def recall_audit(
    metric: str, sheets: Sequence[Answered], found: Sequence[Found], seen_visits: int, rule: EvidenceRule
) -> Measured:
    """Recall by audits with its lower bounds.

    ``seen_visits`` are the confirmed visits of the model on the days that were drawn from. What the auditors overlook
    is measured with planted bears, at its lower bound.
    """
    drawn = [sheet for sheet in sheets if sheet.kind is SheetKind.RANDOM]
    certain = [sheet for sheet in drawn if sheet.bear in (BearSeen.YES, BearSeen.NO)]
    auditors = sensitivity(sheets)
    missed = [each for each in found if each.missed]
    detail: dict[str, Any] = {
        "sheets_drawn": len(drawn),
        "bears_found": len(found),
        "missed_by_the_model": len(missed),
        "seen_visits": seen_visits,
        "planted_answered": auditors.planted,
        "auditor_sensitivity": auditors.share,
        "auditor_sensitivity_lower": auditors.lower,
    }
    why = _too_little(len(certain), seen_visits, auditors.planted, auditors.lower)
    if why:
        return Measured(metric, None, n=len(certain), unit="camera-hours", why=why, detail=detail)
    factor = len(drawn) / len(certain)
    largest = max(factor / sheet.probability for sheet in certain if sheet.probability)
    weights = visit_weights(missed, rule.gap_s)
    visits = len(_visits(missed, rule.gap_s))
    result = audited_recall(seen_visits, list(weights.values()), largest, auditors.lower, visits)
    detail |= {"missed_visits": result.missed, "missed_visits_upper": result.missed_upper, "largest_weight": largest}
    return Measured(metric, result.recall, result.bounds, len(certain), "camera-hours", detail=detail)


def _too_little(answered: int, seen_visits: int, planted: int, lower: float) -> str:
    if answered == 0:
        return "no drawn contact sheet has been answered: do the audits"
    if seen_visits == 0:
        return "no visit that the model saw has been confirmed on the days that were drawn from"
    if planted == 0:
        return "no sheet with a planted bear has been answered, so nobody knows how well the auditors see"
    return "the auditors found none of the planted bears" if lower <= 0.0 else ""


def audits_done(metric: str, progress: AuditProgress) -> Measured:
    """Share of the audits that fell due which were done by now."""
    why = "" if progress.due else "no audit has fallen due in this time"
    detail = {"done": progress.done, "open": progress.open}
    return Measured(metric, progress.share, n=progress.due, unit="contact sheets", why=why, detail=detail)
