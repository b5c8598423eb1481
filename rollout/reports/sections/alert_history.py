"""Read the alerts of a period with the whole history of what people decided about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, Encounter, Review, Verdict
from rollout.base.review_rules import PastReview, status_of
from rollout.reports.sections.counterfactual import PastAlert, PolicyChange


def alerts_of(
    session: Session,
    campsites: Collection[str],
    model: str,
    start: float,
    end: float,
    seen_at: Mapping[int, float],
) -> list[PastAlert]:
    """The bear alerts of ``model`` raised from ``start`` to ``end``.

    ``seen_at`` says, by encounter, when a person first saw the same visit. What was decided until now counts, also
    after ``end``.
    """
    within = (
        Alert.campsite_id.in_(campsites),
        Alert.kind == EncounterKind.BEAR,
        Alert.created_at >= start,
        Alert.created_at < end,
        Encounter.model == model,
    )
    rows = session.execute(
        select(Alert.id, Alert.campsite_id, Alert.camera_id, Alert.created_at, Alert.encounter_id)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(*within)
        .order_by(Alert.created_at, Alert.id)
    ).all()
    reviews: dict[int, list[tuple[PastReview, float]]] = defaultdict(list)
    made = session.execute(
        select(Review.alert_id, Review.id, Review.verdict, Review.undoes_id, Review.created_at)
        .join(Alert, Alert.id == Review.alert_id)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(*within)
        .order_by(Review.id)
    )
    for alert, number, verdict, undoes, at in made:
        reviews[alert].append((PastReview(number, Verdict(verdict), undoes), at))
    return [
        PastAlert(number, campsite, camera, raised_at, _changes(reviews[number]), seen_at.get(encounter))
        for number, campsite, camera, raised_at, encounter in rows
    ]


def _changes(reviews: list[tuple[PastReview, float]]) -> tuple[PolicyChange, ...]:
    """The alert's status after each decision."""
    return tuple(
        PolicyChange(at, status_of([review for review, _ in reviews[: number + 1]]))
        for number, (_, at) in enumerate(reviews)
    )
