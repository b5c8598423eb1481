"""What a ranger saw with their own eyes, sealed before the model's opinion is shown; and whether the model saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from core.messages import EncounterKind
from db.ledger import record
from db.models import Alert, Camera, Campsite, Encounter, Sighting
from review_ui.auth.access_scope import AccessScope
from review_ui.auth.accounts import Account
from review_ui.live.exposure import why_not_blind
from review_ui.live.watches import open_watches
from review_ui.web.sighting_form import Entered
from rollout.evidence.matching import MatchRule
from rollout.evidence.sealed_sightings import intact_seal
from rollout.evidence.seals import BLINDNESS_TOO, blindness_of, digest_of_sighting


class KeyTaken(Exception):
    """An idempotency key that somebody else has used."""


@dataclass(frozen=True, slots=True)
class Match:
    """The encounter that is nearest to a sighting. ``lead_s`` is positive when the model was first."""

    kind: EncounterKind
    encounter_id: int
    alert_id: int | None
    camera: str
    lead_s: float


def seal_of(entered: Entered, user_id: int, sealed_at: float, blindness: Mapping[str, Any] | None = None) -> str:
    """SHA-256 over the canonical JSON of everything entered, by whom and when, and of its blindness."""
    said = {
        "campsite": entered.campsite,
        "camera": entered.camera,
        "animal": entered.animal,
        "number": entered.number,
        "note": entered.note,
        "seen_at": entered.seen_at,
    }
    return digest_of_sighting(said, user_id, sealed_at, blindness)


def intact(sighting: Sighting) -> bool:
    """Whether a sighting still says what was sealed."""
    return intact_seal(sighting)


def log_sighting(
    session: Session, account: Account, entered: Entered, key: str, now: float, rule: MatchRule
) -> Sighting:
    """Seal a sighting. The same idempotency key again returns the one already sealed; somebody else's key raises
    :class:`KeyTaken`.

    Whether it counts as blind is asked of :func:`review_ui.live.exposure.why_not_blind`; the answer is written on it,
    and lies under its seal.
    """
    known = session.scalar(select(Sighting).where(Sighting.idempotency_key == key))
    if known is not None and known.user_id != account.id:
        raise KeyTaken
    if known is not None:
        return known
    watch = next((w for w in open_watches(session, account.id, now) if w.campsite_id == entered.campsite), None)
    why_not = why_not_blind(session, account, entered.campsite, entered.camera, entered.seen_at, now, rule)
    watch_id = watch.id if watch else None
    sighting = Sighting(
        campsite_id=entered.campsite,
        camera_id=entered.camera,
        user_id=account.id,
        watch_id=watch_id,
        animal=entered.animal,
        number=entered.number,
        note=entered.note,
        seen_at=entered.seen_at,
        sealed_at=now,
        seal=seal_of(entered, account.id, now, blindness_of(why_not is None, watch_id, why_not)),
        seal_version=BLINDNESS_TOO,
        blind=why_not is None,
        not_blind_why=why_not,
        idempotency_key=key,
    )
    session.add(sighting)
    session.flush()
    record(
        session,
        at=now,
        kind="sighting.sealed",
        subject=f"sighting:{sighting.id}",
        actor=f"user:{account.id}",
        campsite=sighting.campsite_id,
        body={
            "sighting": sighting.id,
            "seal": sighting.seal,
            "blind": sighting.blind,
            "animal": sighting.animal,
            "seen_at": sighting.seen_at,
        },
    )
    return sighting


def match(session: Session, sighting: Sighting, scope: AccessScope, rule: MatchRule) -> Match | None:
    """Whether the model saw it, by the plan's rule: the encounter of the same campsite, or of the camera that the
    observer named, visible to whoever asks, that began nearest.

    A bear's encounter comes first; that of an animal which the model does not know is better than none.
    """
    named = rule.same_camera and sighting.camera_id is not None
    row = session.execute(
        select(Encounter, Alert.id, Camera.name)
        .join(Camera, Camera.id == Encounter.camera_id)
        .outerjoin(Alert, Alert.encounter_id == Encounter.id)
        .where(
            Camera.campsite_id == sighting.campsite_id,
            scope.encounters(),
            *([Camera.id == sighting.camera_id] if named else []),
            func.coalesce(Alert.created_at, Encounter.first_at) <= sighting.seen_at + rule.after_s,
            Encounter.last_at >= sighting.seen_at - rule.before_s,
        )
    ).all()
    if not row:
        return None
    encounter, alert_id, camera = min(
        row, key=lambda found: (found[0].kind != EncounterKind.BEAR, abs(found[0].first_at - sighting.seen_at))
    )
    return Match(EncounterKind(encounter.kind), encounter.id, alert_id, camera, sighting.seen_at - encounter.first_at)


def match_is_hidden(sighting: Sighting, scope: AccessScope) -> bool:
    """Whether the reader may not know if the model saw it: the campsite is hidden, and no view of this moment open."""
    return not scope.shows(sighting.campsite_id, (sighting.seen_at, sighting.seen_at))


def recent(session: Session, limit: int, own: int, scope: AccessScope) -> Sequence[Sighting]:
    """The newest sightings: one's own, and others' at campsites that one may see, so that watchers stay independent."""
    return session.scalars(
        select(Sighting)
        .where((Sighting.user_id == own) | Sighting.campsite_id.not_in(scope.hidden))
        .options(joinedload(Sighting.user), joinedload(Sighting.campsite).joinedload(Campsite.region))
        .order_by(Sighting.sealed_at.desc())
        .limit(limit)
    ).all()
