"""Whether a message may still be sent, asked again at the moment when a worker takes it.

Authority is read back where it acts: a lease may have ended, a breaker may have tripped, a ranger may have decided
since the message was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.models import Alert, Audience, AuthorityLease, Delivery, DeliveryKind, DeliveryStatus, Mode
from rollout.alerting.recipients import Recipients
from rollout.authority.authority import advising, authority, effective_mode, granted
from rollout.authority.notified_cameras import advising_cameras
from rollout.breakers.trips import camera_cap
from rollout.evidence.on_off_nights import helps_now

ORDER: Final = (Mode.SHADOW, Mode.ASSISTED, Mode.AUTOMATIC)
ASK_AGAIN_S: Final = 5.0
CLAIM_GOOD_S: Final = 90.0
"""A worker that has held a message for so long is dead."""


class SendDecision(StrEnum):
    """What to do with a message."""

    SEND = "send"
    CANCEL = "cancel"
    WAIT = "wait"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class Permission:
    """A verdict with its reason; ``to`` is the message that a joined one is joined to."""

    verdict: SendDecision
    why: str = ""
    to: int | None = None


SEND: Final = Permission(SendDecision.SEND)


def camera_mode(session: Session, campsite_id: str, camera_id: str, now: float, alert: Alert | None = None) -> Mode:
    """The mode that holds for one camera: what its campsite was granted, less what open breakers leave of it.

    1. A camera that is not fresh: shadow. For an ``alert`` that was raised while it was, that has been answered: a bear
       may well tear down the camera that has seen it, and campers are warned all the same.
    2. In a test night without the model (:mod:`rollout.evidence.on_off_nights`) it is shadow.
    """
    seen = alert is not None and alert.mode != Mode.SHADOW
    held = (granted if seen else authority)(session, campsite_id, now, camera_id)
    cap = camera_cap(session, camera_id)
    mode = held if cap is None else min(held, cap, key=ORDER.index)
    return Mode.SHADOW if mode is not Mode.SHADOW and switched_off(session, campsite_id, now) else mode


def switched_off(session: Session, campsite_id: str, now: float) -> bool:
    """Whether an experiment has taken the model's help away from a campsite for this night."""
    return helps_now(session, campsite_id, now) is False


def advised(session: Session, campsite_id: str, now: float, camera_id: str | None = None) -> bool:
    """Whether rangers are told of alerts of a campsite, or of one of its cameras.

    1. Where the model advises, but not in a test night without the model. Where authority has ended and nobody
       has taken over the watch yet, they are told in every night.
    2. Of a camera that the stage does not reach they are told nothing: it is in the shadow stage, and whoever watches
       there watches it blind.
    """
    if not advising(session, campsite_id):
        return False
    lease = session.get_one(AuthorityLease, campsite_id)
    some = None if camera_id is None else advising_cameras(session, lease)
    if some is not None and camera_id not in some:
        return False
    alive = effective_mode(lease, now) is not Mode.SHADOW
    return not (alive and switched_off(session, campsite_id, now))


def oversight(session: Session, campsite_id: str, recipients: Recipients) -> tuple[float, float]:
    """How long a warning waits for a veto, and how soon a ranger is to look: as the stage says, else as configured."""
    lease = session.get(AuthorityLease, campsite_id)
    veto_s, ack_s = (lease.veto_s, lease.ranger_ack_s) if lease is not None else (None, None)
    return (
        veto_s if veto_s is not None else recipients.veto_window_s,
        ack_s if ack_s is not None else recipients.ack_within_s,
    )


def permission(session: Session, row: Delivery, now: float) -> Permission:
    """Whether to send a message now.

    1. Pages always: they are about the system and its people.
    2. Advisories while rangers are to be advised.
    3. A retraction if anybody may have read what it takes back; while that is being sent, it waits.
    4. A warning that was held for a veto only if the mode is automatic, any other only in a live mode.
    5. A held warning joins another that has told the same people of the same visit meanwhile.
    """
    if row.alert_id is None or row.campsite_id is None:
        return SEND
    if row.audience == Audience.RANGERS:
        camera = session.get_one(Alert, row.alert_id).camera_id
        if advised(session, row.campsite_id, now, camera):
            return SEND
        return _cancel(
            "rangers watch without the model: they have taken over, or this is a test night without the model"
        )
    if row.kind == DeliveryKind.RETRACTION:
        return _retraction(session, row, now)
    alert = session.get_one(Alert, row.alert_id)
    mode = camera_mode(session, row.campsite_id, alert.camera_id, now, alert)
    if ORDER.index(mode) < ORDER.index(Mode.AUTOMATIC if row.held else Mode.ASSISTED):
        return _cancel(f"authority was {mode} when it was to be sent")
    if row.held:
        known = _meanwhile(session, row)
        if known is not None:
            return Permission(SendDecision.JOIN, "the same people were told of the same visit", known.id)
    return SEND


def _retraction(session: Session, row: Delivery, now: float) -> Permission:
    before = list(
        session.scalars(
            select(Delivery).where(
                Delivery.alert_id == row.alert_id,
                Delivery.target_digest == row.target_digest,
                Delivery.kind.in_((DeliveryKind.WARNING, DeliveryKind.CONFIRMED)),
                Delivery.id < row.id,
            )
        )
    )
    roots = [each if each.joined_to_id is None else session.get_one(Delivery, each.joined_to_id) for each in before]
    if any(root.status == DeliveryStatus.SENT or root.attempts for root in roots):
        return SEND
    claims = [root.claimed_at for root in roots if root.claimed_at is not None]
    if any(now - claimed_at < CLAIM_GOOD_S for claimed_at in claims):
        return Permission(SendDecision.WAIT, "what it takes back is being sent")
    if claims:
        return SEND  # whoever was sending it died, and nobody knows how far it came
    return _cancel("nobody had been told what it takes back")


def _meanwhile(session: Session, row: Delivery) -> Delivery | None:
    """A message to the same people about the same campsite that has left since this one was written."""
    return session.scalar(
        select(Delivery)
        .where(
            Delivery.campsite_id == row.campsite_id,
            Delivery.target_digest == row.target_digest,
            Delivery.audience == Audience.CAMPERS,
            Delivery.kind.in_((DeliveryKind.WARNING, DeliveryKind.CONFIRMED)),
            Delivery.id != row.id,
            Delivery.created_at >= row.created_at,
            or_(Delivery.status == DeliveryStatus.SENT, Delivery.claimed_at.is_not(None)),
        )
        .order_by(Delivery.id)
        .limit(1)
    )


def _cancel(why: str) -> Permission:
    return Permission(SendDecision.CANCEL, why)
