"""Was an observer blind? What could they have been shown of the model's view, for that campsite and time, before?

On watch, every way to the model's view is closed (:mod:`review_ui.auth.access_scope`). What they could see *before* it
closed is another question: the pages, the live stream, pushes, messages and the API all show the same things, to
everybody who may see the campsite. So nobody asks what was clicked: what was there to be shown counts as shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from core.clock import civil
from db.models import Alert, AlertStatus, Camera, Delivery, Encounter, Review
from db.places import campsite_at
from review_ui.auth.access_scope import Blinding, current_blindings
from review_ui.auth.accounts import Account
from rollout.evidence.loader import timezones_of
from rollout.evidence.matching import MatchRule
from rollout.evidence.seals import LATE_S

CLEAN_S: Final = 1800.0
"""What the model said of an animal is of no use for the next one after so long: another visit (the camera-trapper's
gap). For so long after they could have been shown something of a campsite, nobody is blind to it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something of the model's view that was there to be shown until a watch began."""

    at: float
    """When the animal was seen, or somebody last acted on it."""
    until: float
    """Until when the model went on seeing that animal."""
    alert: int | None


def why_not_blind(
    session: Session, account: Account, campsite: str, camera: str | None, seen_at: float, now: float, rule: MatchRule
) -> str | None:
    """Why a sighting that is sealed now is not blind, in a sentence; None when it is.

    1. It is entered late: meanwhile anybody may have told its observer.
    2. The observer is not on watch there, or the model advises rangers there.
    3. A view that a sealed sighting opened is open, or was when the animal was seen; or the watch began after that.
    4. Until the watch began, something of that campsite was there to be shown, and no clean interval has passed since.
    """
    if now - seen_at > LATE_S:
        return f"it was entered {(now - seen_at) / 60:.0f} minutes after it was seen"
    blinding = current_blindings(session, now, rule, account.id).get((account.id, campsite))
    if blinding is None:
        return "the observer was not on watch there, or the model was advising"
    if blinding.windows:
        return "the view that an earlier sighting opened is still open"
    if not blinding.all_along_since(seen_at, camera):
        return _not_all_along(session, blinding, campsite, seen_at)
    found = shown_before(session, campsite, blinding.since)
    if not found or seen_at >= clean_from(session, campsite, found, blinding.since):
        return None
    zone = timezones_of(session)[campsite]
    newest = max(found, key=lambda each: each.at)
    what = f"alert {newest.alert}" if newest.alert is not None else "what the model saw"
    return (
        f"until the watch began at {_clock(blinding.since, zone)} pages and messages could show {what} "
        f"({_clock(newest.at, zone)}) of this campsite"
    )


def shown_before(session: Session, campsite: str, since: float) -> list[Shown]:
    """What was there to be shown of a campsite until ``since``.

    1. What the model saw, or somebody decided or sent of it, in the clean interval before.
    2. Alerts that were still undecided then: they stand in every queue.
    """
    after = since - CLEAN_S
    acted = (
        select(func.max(Review.created_at))
        .where(Review.alert_id == Alert.id, Review.created_at <= since)
        .correlate(Alert)
        .scalar_subquery()
    )
    sent = (
        select(func.max(Delivery.sent_at))
        .where(Delivery.alert_id == Alert.id, Delivery.sent_at <= since)
        .correlate(Alert)
        .scalar_subquery()
    )
    waiting = and_(or_(Alert.status == AlertStatus.OPEN, acted.is_(None)), Alert.created_at <= since)
    rows = session.execute(
        select(Encounter.first_at, Encounter.last_at, Alert.id, acted, sent, waiting)
        .join(Camera, Camera.id == Encounter.camera_id)
        .outerjoin(Alert, Alert.encounter_id == Encounter.id)
        .where(
            func.coalesce(Alert.campsite_id, campsite_at(Encounter.camera_id, Encounter.first_at)) == campsite,
            Encounter.first_at <= since,
            or_(Encounter.last_at >= after, acted >= after, sent >= after, waiting),
        )
    ).all()
    return [
        Shown(since if waits else max(min(last, since), acted or 0.0, sent or 0.0), max(last, first), alert)
        for first, last, alert, acted, sent, waits in rows
    ]


def blind_from(session: Session, account: Account, now: float, rule: MatchRule) -> dict[str, float]:
    """Campsites that somebody watches and is not blind to yet, each with when the clean interval is over.

    It says nothing of what the model has seen since the watch began.
    """
    mine = current_blindings(session, now, rule, account.id).items()
    waiting = {campsite: each.since for (_user, campsite), each in mine if now < each.since + CLEAN_S}
    return {campsite: since + CLEAN_S for campsite, since in waiting.items() if shown_before(session, campsite, since)}


def clean_from(session: Session, campsite: str, shown: Iterable[Shown], since: float) -> float:
    """From when on nothing that was shown helps any more: a clean interval after the last of it.

    An animal that the model went on seeing is the one that was shown, for as long as it was not away for an interval.
    """
    end = max([since, *(each.until for each in shown)])
    later = session.execute(
        select(Encounter.first_at, Encounter.last_at)
        .join(Camera, Camera.id == Encounter.camera_id)
        .where(
            campsite_at(Encounter.camera_id, Encounter.first_at) == campsite,
            Encounter.last_at >= since - CLEAN_S,
        )
        .order_by(Encounter.first_at)
    ).all()
    for first, last in later:
        if first > end + CLEAN_S:
            break
        end = max(end, last)
    return end + CLEAN_S


def _not_all_along(session: Session, blinding: Blinding, campsite: str, seen_at: float) -> str:
    if blinding.since > seen_at:
        began = _clock(blinding.since, timezones_of(session)[campsite])
        return f"the model's view was hidden from its observer only from {began} on"
    return "some cameras of the campsite advise; it names none that was hidden"


def _clock(at: float, timezone: str) -> str:
    return civil(at, timezone).strftime("%H:%M")
