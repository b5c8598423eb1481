"""Second reviews: an appealed warning goes to a ranger who knows neither the first decision nor that it was appealed.

Only warnings are appealed, so a list of appeals would give the first decision away. With each appeal another decided
alert is drawn, at random and of any outcome, and put in the same list (``control``). The second reviewer sees frames
and nothing else until they have answered. Both decisions are kept; neither replaces the other.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, joinedload

from db.ledger import record
from db.models import (
    Alert,
    AlertStatus,
    Appeal,
    AppealOutcome,
    Review,
    Verdict,
)
from rollout.base.review_rules import PastReview, standing
from rollout.evidence.operations import upheld_open

CONTROLS_FROM_S: Final = 30 * 86400.0
"""Controls are drawn from the decided alerts of so long ago until now."""


class NotYours(Exception):
    """Whoever has decided about the alert does not take the second review."""


class AlreadyAnswered(Exception):
    """Somebody was faster."""


@dataclass(frozen=True, slots=True)
class First:
    """The decision that an appeal is about, as it stood when the appeal came."""

    user_id: int | None
    verdict: Verdict | None


def open_appeal(session: Session, alert_id: int, now: float) -> Appeal:
    """Ask for a second review of an alert, and draw a control beside it. Asked already: the same one again.

    A control whose alert is then appealed for real becomes an appeal, if nobody has answered it.
    """
    known = session.scalar(select(Appeal).where(Appeal.alert_id == alert_id))
    if known is not None:
        if known.control and known.answered_at is None:
            known.control = False
        return known
    appeal = _add(session, session.get_one(Alert, alert_id), control=False, now=now)
    other = _draw(session, appeal, now)
    if other is not None:
        _add(session, other, control=True, now=now)
    return appeal


def outcome_of(first: Verdict | None, second: Verdict) -> AppealOutcome:
    """What two decisions come to. Pure."""
    if first is None or Verdict.UNSURE in (first, second):
        return AppealOutcome.UNCLEAR
    return AppealOutcome.DISMISSED if first is second else AppealOutcome.UPHELD


def waiting(session: Session, user_id: int, hidden: Collection[str]) -> Sequence[Appeal]:
    """Second reviews that this person may take. The order says nothing: it is that of the alerts, not the appeals."""
    query = (
        select(Appeal)
        .where(Appeal.answered_at.is_(None), Appeal.campsite_id.not_in(hidden), _not_by(user_id))
        .options(joinedload(Appeal.alert))
        .order_by(Appeal.alert_id)
    )
    return session.scalars(query).all()


def count_waiting(session: Session, user_id: int, hidden: Collection[str]) -> int:
    """How many second reviews this person may take."""
    query = select(func.count(Appeal.id)).where(
        Appeal.answered_at.is_(None), Appeal.campsite_id.not_in(hidden), _not_by(user_id)
    )
    return session.scalar(query) or 0


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A second review that nobody has answered, and who knows already what was decided about its alert."""

    id: int
    alert_id: int
    known_to: frozenset[int]


def open_reviews(session: Session) -> list[OpenReview]:
    """The second reviews that wait, of alerts about which there is a decision to be kept secret."""
    rows = session.execute(
        select(Appeal.id, Appeal.alert_id, Review.user_id)
        .join(Alert, Alert.id == Appeal.alert_id)
        .join(Review, Review.alert_id == Appeal.alert_id)
        .where(Appeal.answered_at.is_(None), Alert.status.in_((AlertStatus.CONFIRMED, AlertStatus.REJECTED)))
    ).all()
    known: dict[tuple[int, int], set[int]] = {}
    for review, alert, user in rows:
        known.setdefault((review, alert), set()).add(user)
    return [OpenReview(review, alert, frozenset(users)) for (review, alert), users in known.items()]


def secret_since(session: Session) -> float | None:
    """Since when there is an appeal that nobody has answered: who may answer it must not read of it. None for never."""
    query = select(func.min(Appeal.opened_at)).where(Appeal.answered_at.is_(None), Appeal.control.is_(False))
    return session.scalar(query)


def find(session: Session, appeal_id: int, hidden: Collection[str]) -> Appeal | None:
    """A second review by its number; None when there is none or it is hidden."""
    if not 0 < appeal_id < 2**31:
        return None
    query = select(Appeal).where(Appeal.id == appeal_id, Appeal.campsite_id.not_in(hidden))
    return session.scalar(query.options(joinedload(Appeal.first_user), joinedload(Appeal.second_user)))


def answer(session: Session, appeal: Appeal, user_id: int, verdict: Verdict, now: float) -> Appeal:
    """Write down the second decision. Raises :class:`NotYours` and :class:`AlreadyAnswered`.

    It does not change the alert: what to do about a disagreement is for people, with both decisions before them.
    """
    if not may_answer(session, appeal, user_id):
        raise NotYours
    outcome = outcome_of(Verdict(appeal.first_verdict) if appeal.first_verdict else None, verdict)
    claimed = session.execute(
        update(Appeal)
        .where(Appeal.id == appeal.id, Appeal.answered_at.is_(None))
        .values(second_user_id=user_id, second_verdict=verdict, answered_at=now, outcome=outcome)
    )
    if claimed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        raise AlreadyAnswered
    session.refresh(appeal)
    body = {"appeal": appeal.id, "control": appeal.control, "first": appeal.first_verdict, "second": verdict,
            "outcome": outcome}  # fmt: skip
    _record(session, appeal, "appeal.answered", f"user:{user_id}", body, now)
    return appeal


def may_answer(session: Session, appeal: Appeal, user_id: int) -> bool:
    """Whether somebody may take a second review: they have decided nothing about its alert themselves."""
    return session.scalar(select(Appeal.id).where(Appeal.id == appeal.id, _not_by(user_id))) is not None


def unsettled(session: Session, hidden: Collection[str]) -> Sequence[Appeal]:
    """Appeals that were upheld and about which nothing has been done yet."""
    together = (joinedload(Appeal.alert), joinedload(Appeal.first_user), joinedload(Appeal.second_user))
    query = select(Appeal).where(upheld_open(), Appeal.campsite_id.not_in(hidden))
    return session.scalars(query.options(*together).order_by(Appeal.id)).all()


def settle(session: Session, appeal: Appeal, user_id: int, what: str, now: float) -> bool:
    """Write down what was done after an appeal was upheld; False when it waits for nothing, or somebody was faster."""
    settled = session.execute(
        update(Appeal)
        .where(Appeal.id == appeal.id, upheld_open())
        .values(settled_at=now, settled_by_id=user_id, settlement=what)
    )
    if settled.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE's result counts rows
        return False
    _record(session, appeal, "appeal.settled", f"user:{user_id}", {"appeal": appeal.id, "settlement": what}, now)
    return True


def _add(session: Session, alert: Alert, *, control: bool, now: float) -> Appeal:
    first = _first(session, alert.id)
    appeal = Appeal(
        alert_id=alert.id,
        campsite_id=alert.campsite_id,
        control=control,
        opened_at=now,
        first_user_id=first.user_id,
        first_verdict=first.verdict,
    )
    session.add(appeal)
    session.flush()
    if not control:
        _record(session, appeal, "appeal.opened", "camper", {"appeal": appeal.id, "alert": alert.id}, now)
    return appeal


def _first(session: Session, alert_id: int) -> First:
    reviews = session.scalars(select(Review).where(Review.alert_id == alert_id).order_by(Review.id)).all()
    stands = standing([PastReview(r.id, Verdict(r.verdict), r.undoes_id) for r in reviews])
    review = next((r for r in reviews if stands and r.id == stands.id), None)
    return First(review.user_id, Verdict(review.verdict)) if review else First(None, None)


def _draw(session: Session, appeal: Appeal, now: float) -> Alert | None:
    """A decided alert of the campsite that nobody reviews a second time yet; the appeal's number is the seed."""
    decided = (
        select(Alert.id)
        .where(
            Alert.campsite_id == appeal.campsite_id,
            Alert.status.in_((AlertStatus.CONFIRMED, AlertStatus.REJECTED)),
            Alert.captured_at > now - CONTROLS_FROM_S,
            Alert.id.not_in(select(Appeal.alert_id)),
        )
        .order_by(Alert.id)
    )
    found = session.scalars(decided).all()
    return session.get_one(Alert, random.Random(appeal.id).choice(found)) if found else None


def _not_by(user_id: int) -> ColumnElement[bool]:
    """Whoever has decided anything about the alert, even what somebody else took back, does not review it again."""
    said = select(Review.id).where(Review.alert_id == Appeal.alert_id, Review.user_id == user_id)
    return ~said.exists()


def _record(session: Session, appeal: Appeal, kind: str, actor: str, body: Mapping[str, object], now: float) -> None:
    record(
        session,
        at=now,
        kind=kind,
        subject=f"appeal:{appeal.id}",
        actor=actor,
        campsite=appeal.campsite_id,
        body=body,
    )
