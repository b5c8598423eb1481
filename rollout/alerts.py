"""The one door to the outside world.

An alert is raised here, a ranger's decision is applied here, and here alone an outbox row is written. Every
function works inside the caller's transaction: the alert, its effect and its ledger entry exist together or not at
all. In shadow mode the door opens for nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.clock import civil
from db.ledger import record
from db.models import (
    Alert,
    AlertStatus,
    Camera,
    Delivery,
    DeliveryStatus,
    Encounter,
    Mode,
    Review,
    Verdict,
)
from rollout.authority import authority
from rollout.decisions import PastReview, effective_at, standing, status_of


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


def raise_alert(session: Session, encounter: Encounter, now: float) -> Alert:
    """Put an encounter in front of the ranger. The mode that holds now is written down with it."""
    camera = session.get_one(Camera, encounter.camera_id)
    alert = Alert(
        encounter_id=encounter.id,
        camera_id=camera.id,
        campsite_id=camera.campsite_id,
        captured_at=encounter.decided_at,
        created_at=now,
        mode=authority(session, camera.campsite_id, now),
        status=AlertStatus.OPEN,
        version=1,
    )
    session.add(alert)
    session.flush()
    record(
        session,
        at=now,
        kind="alert.raised",
        subject=f"alert:{alert.id}",
        actor="tracker",
        campsite=alert.campsite_id,
        body={"encounter": encounter.id, "camera": camera.id, "mode": alert.mode, "score": encounter.peak_score},
    )
    return alert


def decide(session: Session, decision: Decision, notify: Sequence[str], now: float, undo_s: float) -> Review:
    """Apply a ranger's decision.

    1. The same idempotency key again returns the decision already made: a doubled click is one decision.
    2. A decision about another version than the current one raises :class:`SomebodyElseWasFirst`.
    3. An undo takes back the standing decision, or raises :class:`NothingToUndo`.
    4. The alert's status follows from all decisions; its version goes up by one.
    5. Outward effects follow if authority allows any, in this transaction.
    """
    known = _already_made(session, decision)
    if known is not None:
        return known
    alert = session.get_one(Alert, decision.alert_id)
    past = _reviews(session, alert.id)
    before = standing(_past(past))
    undoes = _undone(before) if decision.verdict is Verdict.UNDO else None
    try:
        _claim(session, alert, decision.seen_version, past)
    except SomebodyElseWasFirst:
        # The one who was first may have been this very decision, sent twice at once.
        twin = _already_made(session, decision)
        if twin is None:
            raise
        return twin
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
    was = AlertStatus(alert.status)
    alert.status = status_of(_past([*past, review]))
    session.flush()
    _effects(session, alert, was, notify, now)
    record(
        session,
        at=now,
        kind="review.undone" if undoes else "review.made",
        subject=f"alert:{alert.id}",
        actor=f"user:{decision.user_id}",
        campsite=alert.campsite_id,
        body={
            "review": review.id,
            "verdict": decision.verdict,
            "undoes": undoes,
            "status": alert.status,
            "version": alert.version,
            "score_hidden": decision.score_hidden,
        },
    )
    return review


def _already_made(session: Session, decision: Decision) -> Review | None:
    return session.scalar(select(Review).where(Review.idempotency_key == decision.idempotency_key))


def _undone(before: PastReview | None) -> int:
    if before is None:
        raise NothingToUndo("nobody has decided anything about this alert yet")
    return before.id


def _reviews(session: Session, alert_id: int) -> list[Review]:
    return list(session.scalars(select(Review).where(Review.alert_id == alert_id).order_by(Review.id)))


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


def _effects(session: Session, alert: Alert, was: AlertStatus, notify: Sequence[str], now: float) -> None:
    """Write the outbox rows that the change from ``was`` to the alert's status asks for, if authority allows any."""
    if authority(session, alert.campsite_id, now) is Mode.SHADOW:
        return
    if alert.status == AlertStatus.CONFIRMED and was != AlertStatus.CONFIRMED:
        _post(session, alert, "warning", f"Bear at {alert.campsite.name}", notify, now)
    elif was == AlertStatus.CONFIRMED and alert.status != AlertStatus.CONFIRMED:
        _post(session, alert, "retraction", f"No bear at {alert.campsite.name} after all", notify, now)


def _post(session: Session, alert: Alert, kind: str, title: str, notify: Sequence[str], now: float) -> None:
    seen = civil(alert.captured_at, alert.campsite.region.timezone)
    for target in dict.fromkeys(notify):
        session.add(
            Delivery(
                alert_id=alert.id,
                alert_version=alert.version,
                kind=kind,
                target=target,
                target_digest=hashlib.blake2b(target.encode(), digest_size=16).hexdigest(),
                title=title,
                body=f"{title}. Camera {alert.camera.name}, seen {seen:%d %B %H:%M}. Alert {alert.id}.",
                status=DeliveryStatus.PENDING,
                created_at=now,
                due_at=now,
            )
        )
    session.flush()
