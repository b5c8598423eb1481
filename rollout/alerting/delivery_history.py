"""What the outbox holds about an alert, a visit or an address. Reads only."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Alert, AlertStatus, Audience, Delivery, DeliveryKind, DeliveryStatus, Mode
from rollout.alerting.delivery_plan import OutboxMessage
from rollout.alerting.message_text import digest


def camper_history(session: Session, alert: Alert) -> dict[str, list[OutboxMessage]]:
    """What campers were told of the alert, by address. A joined message stands for the one that it was joined to."""
    histories: dict[str, list[OutboxMessage]] = {}
    rows = select(Delivery).where(Delivery.alert_id == alert.id, Delivery.audience == Audience.CAMPERS)
    for row in session.scalars(rows.order_by(Delivery.id).execution_options(populate_existing=True)):
        root = row if row.joined_to_id is None else session.get_one(Delivery, row.joined_to_id, populate_existing=True)
        histories.setdefault(row.target, []).append(
            OutboxMessage(
                id=root.id,
                kind=DeliveryKind(row.kind),
                status=DeliveryStatus(root.status),
                held=root.held,
                may_have_arrived=may_have_arrived(root),
                confirmed=bool(root.facts["after"]["confirmed"]) if root.facts else True,
                shared=_shared(session, root, alert.id),
            )
        )
    return histories


def may_have_arrived(row: Delivery) -> bool:
    """Whether somebody may have read it: it was sent, or tried, or a worker has it in its hands."""
    return row.status == DeliveryStatus.SENT or row.claimed_at is not None or bool(row.attempts)


def _shared(session: Session, root: Delivery, but: int) -> bool:
    """Whether another alert that stands relies on a message: its own, or one that was joined to it."""
    others = (
        select(Alert)
        .join(Delivery, Delivery.alert_id == Alert.id)
        .where((Delivery.id == root.id) | (Delivery.joined_to_id == root.id), Alert.id != but)
    )
    return any(
        other.status == AlertStatus.CONFIRMED or (other.status != AlertStatus.REJECTED and other.mode == Mode.AUTOMATIC)
        for other in session.scalars(others)
    )


def message_to_join(session: Session, alert: Alert, audience: Audience, target: str, join_s: float) -> Delivery | None:
    """The message by which the same people were told of the same visit on another camera of the campsite.

    Only what is out or on its way counts, and only if it is the last word: after a retraction people are warned anew.
    Rangers get no retractions; an alert that one of them has rejected is no word about the next one.
    """
    last = session.scalar(
        select(Delivery)
        .where(
            Delivery.campsite_id == alert.campsite_id,
            Delivery.audience == audience,
            Delivery.target_digest == digest(target),
            Delivery.status.in_((DeliveryStatus.PENDING, DeliveryStatus.SENT)),
            Delivery.alert_id.is_not(None),
            (Delivery.held.is_(False)) | (Delivery.status == DeliveryStatus.SENT),
        )
        .order_by(Delivery.id.desc())
        .limit(1)
    )
    if last is None or last.kind == DeliveryKind.RETRACTION or last.alert_id in (None, alert.id):
        return None
    about = session.get_one(Alert, last.alert_id)
    if audience is Audience.RANGERS and about.status == AlertStatus.REJECTED:
        return None
    return last if abs(about.captured_at - alert.captured_at) <= join_s else None
