"""A ranger's decision on its way into the outbox, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Alert, Delivery, DeliveryStatus, Review, Verdict
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.rendering.wording import VERDICT_WORDS
from review_ui.site import Site
from review_ui.web.alert_cards import find_alert
from rollout.alerting.alerts import Decision, NothingToUndo, SomebodyElseWasFirst, decide
from rollout.alerting.recipients import Recipients

SECOND_REVIEW_FIRST = "A second review of this alert waits for you. Take it first; then you may decide."
KEY_TAKEN = "This idempotency key belongs to another decision. Reload the page and decide again."


@dataclass(frozen=True, slots=True)
class DecisionAnswer:
    """What the form or the API says."""

    verdict: Verdict
    seen_version: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Done:
    """The decision stands."""

    review_id: int
    verdict: Verdict
    status: str
    version: int
    effective_at: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else was first, or there is nothing to take back. ``message`` says who and what."""

    message: str
    version: int
    status: str
    who: str | None = None
    verdict: Verdict | None = None
    at: float | None = None


def apply(site: Site, account: Account, alert_id: int, answer: DecisionAnswer) -> Done | Conflict | None:
    """Apply an answer in one transaction, then tell all pages. None when there is no such alert for this person.

    1. An alert that is hidden from this person does not exist for them.
    2. The score was hidden from whoever gave the first answer, and from nobody after: that is written down.
    3. Whoever may take a second review of it takes that first: a decision beside it would say what stands.
    4. A conflict leaves no trace. A key that was used for something else is one, too.
    """
    now = site.clock()
    try:
        with site.database.write() as session:
            scope = access_scope(session, account, now, site.match_rule)
            alert = find_alert(session, alert_id, scope)
            if alert is None:
                return None
            if alert.id in scope.second_reviews:
                return Conflict(SECOND_REVIEW_FIRST, alert.version, "second_review")
            try:
                review = decide(session, _decision(session, account, alert, answer), Recipients.of(site.config), now)
            except SomebodyElseWasFirst as first:
                raise _RolledBack(_conflict(first.alert, first.review)) from first
            except NothingToUndo as nothing:
                raise _RolledBack(_nothing(session, alert)) from nothing
            if (review.alert_id, review.user_id, review.verdict) != (alert_id, account.id, answer.verdict):
                raise _RolledBack(Conflict(KEY_TAKEN, alert.version, alert.status))
            done = _done(session, review)
            messages = _unsent(session, alert_id)
    except _RolledBack as rolled_back:
        return rolled_back.conflict
    site.wake_pages()
    if messages:
        site.flush_outbox()
    return done


class _RolledBack(Exception):
    """Carries a conflict out of the transaction that it undoes."""

    def __init__(self, conflict: Conflict) -> None:
        super().__init__(conflict.message)
        self.conflict = conflict


def _decision(session: Session, account: Account, alert: Alert, answer: DecisionAnswer) -> Decision:
    answered = session.scalar(select(func.count(Review.id)).where(Review.alert_id == alert.id))
    return Decision(
        alert_id=alert.id,
        user_id=account.id,
        verdict=answer.verdict,
        seen_version=answer.seen_version,
        idempotency_key=answer.idempotency_key,
        score_hidden=not answered,
    )


def _done(session: Session, review: Review) -> Done:
    alert = session.get_one(Alert, review.alert_id)
    return Done(review.id, Verdict(review.verdict), alert.status, alert.version, review.effective_at)


def _unsent(session: Session, alert_id: int) -> int:
    unsent = select(func.count(Delivery.id)).where(
        Delivery.alert_id == alert_id, Delivery.status == DeliveryStatus.PENDING
    )
    return session.scalar(unsent) or 0


def _conflict(alert: Alert, review: Review | None) -> Conflict:
    if review is None:
        return Conflict("The alert has changed since you opened it.", alert.version, alert.status)
    verdict = Verdict(review.verdict)
    deed = "took the decision back" if verdict is Verdict.UNDO else f"decided “{VERDICT_WORDS[verdict]}”"
    return Conflict(
        f"{review.user.name} {deed} before you.", alert.version, alert.status, review.user.name, verdict,
        review.created_at,
    )  # fmt: skip


def _nothing(session: Session, alert: Alert) -> Conflict:
    session.refresh(alert)
    return Conflict("There is no decision to take back.", alert.version, alert.status)
