"""Whether campers are being warned now: what the camper page says, derived only from what is in the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from db.models import Alert, AlertStatus, Audience, Camera, Delivery, DeliveryKind, DeliveryStatus, Encounter, Mode
from rollout.authority.authority import granted

WARNING_S: Final = 3600.0
"""A warning stands for so long after the animal was last in view, or until it is taken back."""


@dataclass(frozen=True, slots=True)
class CamperWarning:
    """A bear was seen at the campsite. ``alert_id`` is the newest alert behind it."""

    alert_id: int
    since: float
    last_seen_at: float


def current_warning(session: Session, campsite_id: str, now: float) -> CamperWarning | None:
    """The warning that stands at a campsite, or None.

    1. In shadow there is none, whatever the model or anybody says.
    2. An alert counts when it was raised in a live mode and a ranger confirmed it, or when a message to campers about
       it left the building and a ranger has not rejected it since.
    3. It stands for :data:`WARNING_S` seconds after the animal was last in view.
    """
    if not live_cameras(session, campsite_id, now):
        return None
    confirmed = and_(Alert.status == AlertStatus.CONFIRMED, Alert.mode != Mode.SHADOW)
    told = and_(Alert.status.in_((AlertStatus.OPEN, AlertStatus.CONFIRMED)), _told())
    query = (
        select(Alert.id, Alert.captured_at, Encounter.last_at)
        .join(Encounter, Encounter.id == Alert.encounter_id)
        .where(Alert.campsite_id == campsite_id, Encounter.last_at > now - WARNING_S, or_(confirmed, told))
        .order_by(Alert.captured_at)
    )
    found = session.execute(query).all()
    if not found:
        return None
    return CamperWarning(found[-1].id, found[0].captured_at, max(row.last_at for row in found))


def live_cameras(session: Session, campsite_id: str, now: float) -> frozenset[str]:
    """The cameras of a campsite on whose account campers may be warned now while they are fresh. None: no page."""
    cameras = session.scalars(select(Camera.id).where(Camera.campsite_id == campsite_id, Camera.configured))
    return frozenset(camera for camera in cameras if granted(session, campsite_id, now, camera) is not Mode.SHADOW)


def _told() -> ColumnElement[bool]:
    """A warning to campers that is out, or on its way without anybody's veto before it."""
    out = or_(
        Delivery.status.in_((DeliveryStatus.SENT, DeliveryStatus.JOINED)),
        and_(Delivery.status == DeliveryStatus.PENDING, Delivery.held.is_(False)),
    )
    return (
        select(Delivery.id)
        .where(
            Delivery.alert_id == Alert.id,
            Delivery.audience == Audience.CAMPERS,
            Delivery.kind == DeliveryKind.WARNING,
            out,
        )
        .exists()
    )
