"""Take a ranger's decision: who was first, what it undoes, what the alert's status is then. No effects outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import Alert, AlertStatus, Review, Verdict
from rollout.base.review_rules import PastReview, effective_at, standing, status_of


@dataclass(frozen=True, slots=True)
class Decision:
    """What a ranger says of an alert, and what they had before their eyes when they said it."""

    alert_id: int
    user_id: int
    verdict: Verdict
    seen_version: int
    idempotency_key: str
    score_hidden: bool


class SomebodyElseWasFirst(Exception):
    """The alert has changed since the page was loaded; ``review`` says who decided what."""

    def __init__(self, alert: Alert, review: Review | None) -> None:
        who = f"{review.user.name} decided “{review.verdict}”" if review else "the alert has changed"
        super().__init__(f"{who}; look at it again before you decide")
        self.alert = alert
        self.review = review


class NothingToUndo(Exception):
    """There is no standing decision to take back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision that stands: what the alert's status ``was`` before it, and whether this call has made it."""

    alert: Alert
    review: Review
    was: AlertStatus
    is_new: bool


def take(session: Session, decision: Decision, undo_s: float, now: float) -> Taken:
    """Write a decision down.

    1. The same idempotency key again returns the decision already made: a doubled click is one decision.
    2. A decision about another version than the current one raises :class:`SomebodyElseWasFirst`.
    3. An undo takes back the standing decision, or raises :class:`NothingToUndo`.
    4. The alert's status follows from all decisions; its version goes up by one.
    """
    alert = session.get_one(Alert, decision.alert_id)
    was = AlertStatus(alert.status)
    known = _already_made(session, decision)
    if known is not None:
        return Taken(alert, known, was, False)
    past = list(session.scalars(select(Review).where(Review.alert_id == alert.id).order_by(Review.id)))
    before = standing(_past(past))
    if decision.verdict is Verdict.UNDO and before is None:
        raise NothingToUndo("nobody has decided anything about this alert yet")
    undoes = before.id if before is not None and decision.verdict is Verdict.UNDO else None
    try:
        _claim(session, alert, decision.seen_version, past)
    except SomebodyElseWasFirst:
        # The one who was first may have been this very decision, sent twice at once.
        twin = _already_made(session, decision)
        if twin is None:
            raise
        return Taken(alert, twin, was, False)
    was = AlertStatus(alert.status)
    review = Review(
        alert_id=alert.id,
        user_id=decision.user_id,
        verdict=decision.verdict,
        undoes_id=undoes,
        seen_version=decision.seen_version,
        created_at=now,
        effective_at=effective_at(decision.verdict, now, undo_s),
        score_hidden=decision.score_hidden,
        idempotency_key=decision.idempotency_key,
    )
    session.add(review)
    session.flush()
    alert.status = status_of(_past([*past, review]))
    session.flush()
    return Taken(alert, review, was, True)


def note(session: Session, taken: Taken, decision: Decision) -> None:
    """Record a new decision in the ledger; last, after its effects."""
    alert, review = taken.alert, taken.review
    record(
        session,
        at=review.created_at,
        kind="review.undone" if review.undoes_id else "review.made",
        subject=f"alert:{alert.id}",
        actor=f"user:{decision.user_id}",
        campsite=alert.campsite_id,
        body={
            "review": review.id,
            "verdict": decision.verdict,
            "undoes": review.undoes_id,
            "status": alert.status,
            "version": alert.version,
            "score_hidden": decision.score_hidden,
        },
    )


def _already_made(session: Session, decision: Decision) -> Review | None:
    return session.scalar(select(Review).where(Review.idempotency_key == decision.idempotency_key))


def _past(reviews: Sequence[Review]) -> list[PastReview]:
    return [PastReview(r.id, Verdict(r.verdict), r.undoes_id) for r in reviews]


def _claim(session: Session, alert: Alert, seen_version: int, past: Sequence[Review]) -> None:
    """Move the alert to its next version, or find that somebody else was first."""
    claimed = session.execute(
        update(Alert).where(Alert.id == alert.id, Alert.version == seen_version).values(version=seen_version + 1)
    )
    session.refresh(alert)
    if claimed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        raise SomebodyElseWasFirst(alert, past[-1] if past else None)
