"""What a ranger's decision does to an alert. Pure: no database, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from db.models import AlertStatus, Verdict

STATUS_AFTER = {
    Verdict.BEAR: AlertStatus.CONFIRMED,
    Verdict.NOT_A_BEAR: AlertStatus.REJECTED,
    Verdict.UNSURE: AlertStatus.UNSURE,
}


@dataclass(frozen=True, slots=True)
class PastReview:
    """A decision already made, as far as the rules need it."""

    id: int
    verdict: Verdict
    undoes_id: int | None


def standing(reviews: list[PastReview]) -> PastReview | None:
    """The decision that counts: the newest one that has not been taken back."""
    undone = {review.undoes_id for review in reviews if review.verdict is Verdict.UNDO}
    made = [review for review in reviews if review.verdict is not Verdict.UNDO and review.id not in undone]
    return max(made, key=lambda review: review.id, default=None)


def status_of(reviews: list[PastReview]) -> AlertStatus:
    """The alert's status that follows from all its decisions."""
    last = standing(reviews)
    return STATUS_AFTER[last.verdict] if last else AlertStatus.OPEN


def effective_at(verdict: Verdict, now: float, undo_s: float) -> float:
    """When a decision counts: "bear" acts at once, "not a bear" can still be taken back for a moment."""
    return now + undo_s if verdict is Verdict.NOT_A_BEAR else now
