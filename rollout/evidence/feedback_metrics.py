"""The metrics of the feedback-loop audit, from the database: whose labels, and where the reviews went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Alert, AlertStatus, Review, Verdict
from rollout.base.metrics import Measured
from rollout.evidence.audited_recall import Found, visit_weights
from rollout.evidence.comparison import EvidenceRule, Intervals, JudgedVisit
from rollout.evidence.feedback import (
    DELTA,
    EFFORT_WINDOW_S,
    At,
    CampsiteEffort,
    LoopStep,
    divergence,
    gini,
    loop_course,
    panel,
)
from rollout.evidence.stats.intervals import Interval, intersection, total


@dataclass(frozen=True, slots=True)
class LoopView:
    """Everything that the loop audit shows of a period."""

    course: Sequence[LoopStep]
    panel: Sequence[CampsiteEffort]
    gini_alerts: float
    divergence_alerts: float
    """How far alerts are spread from where the bears are, in nats."""
    labels: Mapping[str, int]
    """Labels by source: ``review``, ``blind_sighting``, ``audit``."""


def loop_view(
    session: Session,
    campsites: Sequence[str],
    since: float,
    now: float,
    blind: Sequence[JudgedVisit],
    found: Sequence[Found],
    audits_answered: int,
    watches: Intervals,
    rule: EvidenceRule,
    delta: float = DELTA,
) -> LoopView:
    """Put the audit of a period together.

    ``blind`` are the visits that people saw blind, ``found`` the bears on drawn sheets: the independent sources.
    """
    reviews = reviews_between(session, campsites, since - EFFORT_WINDOW_S, now)
    bears = [At(each.visit.start, each.visit.campsite) for each in blind]
    bears += [At(each.start, each.campsite) for each in found]
    alerts = _alerts(session, campsites, since, now)
    weights = visit_weights(found, rule.gap_s)
    audited: dict[str, float] = {}
    for each in found:
        audited[each.campsite] = audited.get(each.campsite, 0.0) + weights[each.sheet_id]
    period = [Interval(since, now)]
    lines = panel(
        campsites,
        Counter(review.campsite for review in reviews if review.at >= since),
        {site: total(intersection(watches.get(site, ()), period)) for site in campsites},
        Counter(each.visit.campsite for each in blind),
        audited,
    )
    prevalence = {line.campsite: line.prevalence_share for line in lines}
    per_site = {site: float(sum(alerts[site].values())) for site in campsites}
    return LoopView(
        loop_course(bears, reviews, campsites, delta),
        lines,
        gini(list(per_site.values())),
        divergence({site: share * len(bears) for site, share in prevalence.items()}, per_site),
        {"review": _decided(alerts), "blind_sighting": len(blind), "audit": audits_answered},
    )


def loop_e(metric: str, view: LoopView) -> Measured:
    """The e-value as it stands now. ``highest`` is how high it has been in this time."""
    if not view.course:
        why = "no bear has been found independently of the model (blind sightings, audits) while there were reviews"
        return Measured(metric, None, unit="independent bears", why=why)
    detail = {
        "highest": max(step.evalue for step in view.course),
        "level": view.course[-1].level,
        "gini_alerts": view.gini_alerts,
        "divergence_alerts": view.divergence_alerts,
        "campsites": [asdict(line) for line in view.panel],
    }
    return Measured(metric, view.course[-1].evalue, n=len(view.course), unit="independent bears", detail=detail)


def selected_share(metric: str, view: LoopView) -> Measured:
    """Share of labels about pictures that the model itself had chosen."""
    n = sum(view.labels.values())
    if n == 0:
        return Measured(metric, None, unit="labels", why="there are no labels from this time")
    return Measured(metric, view.labels["review"] / n, n=n, unit="labels", detail=dict(view.labels))


def reviews_between(session: Session, campsites: Collection[str], since: float, now: float) -> list[At]:
    """Decisions that people made about alerts; taking one back is none."""
    rows = session.execute(
        select(Review.created_at, Alert.campsite_id)
        .join(Alert, Alert.id == Review.alert_id)
        .where(
            Alert.campsite_id.in_(campsites),
            Review.verdict != Verdict.UNDO,
            Review.created_at >= since,
            Review.created_at <= now,
        )
    )
    return [At(at, campsite) for at, campsite in rows]


def _alerts(
    session: Session, campsites: Collection[str], since: float, now: float
) -> Mapping[str, Mapping[AlertStatus, int]]:
    rows = session.execute(
        select(Alert.campsite_id, Alert.status, func.count(Alert.id))
        .where(Alert.campsite_id.in_(campsites), Alert.created_at >= since, Alert.created_at <= now)
        .group_by(Alert.campsite_id, Alert.status)
    )
    found: dict[str, dict[AlertStatus, int]] = {campsite: {} for campsite in campsites}
    for campsite, status, count in rows:
        found[campsite][AlertStatus(status)] = count
    return found


def _decided(alerts: Mapping[str, Mapping[AlertStatus, int]]) -> int:
    return sum(
        by_status.get(status, 0)
        for by_status in alerts.values()
        for status in (AlertStatus.CONFIRMED, AlertStatus.REJECTED)
    )
