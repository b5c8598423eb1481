"""What people saw, and whether the model saw it too: recent visits, from the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Encounter, Sighting
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.matching import Detection, match, timelines
from rollout.evidence.stats.visits import SeenVisit, visits_of

BEAR = "bear"


@dataclass(frozen=True, slots=True)
class MatchOutcome:
    """One visit of a bear that people saw: whether the model missed it. ``last_id`` is its newest sighting."""

    campsite: str
    start: float
    end: float
    last_id: int
    missed: bool


def sightings_since(session: Session, since: float, *, blind_only: bool) -> list[Sighting]:
    """Sightings of bears, by when they were seen."""
    rows = select(Sighting).where(Sighting.seen_at > since, Sighting.animal == BEAR)
    if blind_only:
        rows = rows.where(Sighting.blind)
    return list(session.scalars(rows.order_by(Sighting.seen_at)))


def uncounted(session: Session, upto: int, held: Sequence[int]) -> list[Sighting]:
    """Blind sightings of bears that no step has counted: newer than ``upto``, or held back when that was reached."""
    rows = select(Sighting).where(
        or_(Sighting.id > upto, Sighting.id.in_(held)), Sighting.animal == BEAR, Sighting.blind
    )
    return list(session.scalars(rows.order_by(Sighting.id)))


def outcomes(session: Session, sightings: Sequence[Sighting], rule: EvidenceRule) -> list[MatchOutcome]:
    """The visits that the sightings make up, in order of time, each matched one-to-one with what the model raised and
    nobody rejected: by the plan's rule, as its gates do."""
    if not sightings:
        return []
    visits = visits_of(
        (SeenVisit(s.id, s.campsite_id, s.camera_id, s.seen_at, s.seen_at) for s in sightings), rule.gap_s
    )
    first = min(visit.start for visit in visits)
    found = match(visits, timelines(_detections(session, first - rule.match.before_s)), rule.match)
    judged = [
        MatchOutcome(visit.campsite, visit.start, visit.end, max(seen.id for seen in visit.seen), detection is None)
        for visit, detection in zip(visits, found, strict=True)
    ]
    return sorted(judged, key=lambda outcome: (outcome.start, outcome.campsite))


def settled(found: Iterable[MatchOutcome], now: float, rule: EvidenceRule) -> list[MatchOutcome]:
    """Those that can be judged by now; of a campsite where one cannot, none: they are counted in order, once.

    A visit is judged when nothing can join it any more, and no alert can still come.
    """
    listed = list(found)
    waiting = {outcome.campsite for outcome in listed if now - outcome.end < rule.gap_s + rule.match.after_s}
    return [outcome for outcome in listed if outcome.campsite not in waiting]


def _detections(session: Session, since: float) -> list[Detection]:
    rows = session.execute(
        select(
            Encounter.id,
            Alert.campsite_id,
            Encounter.camera_id,
            Encounter.first_at,
            Alert.created_at,
            Encounter.last_at,
        )
        .join(Alert, Alert.encounter_id == Encounter.id)
        .where(Encounter.last_at >= since, Alert.kind == EncounterKind.BEAR, Alert.status != AlertStatus.REJECTED)
    )
    return [Detection(*row) for row in rows]
