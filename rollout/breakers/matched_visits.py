"""What people saw, and whether the model saw it too: recent visits, from the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.animals import kinds_of_bear
from db.models import Alert, AlertStatus, Encounter, Sighting
from rollout.evidence.comparison import EvidenceRule
from rollout.evidence.loader import timezones_of
from rollout.evidence.matching import Detection, Timeline, match, timelines
from rollout.evidence.sealed_sightings import intact_seal
from rollout.evidence.seals import LATE_S
from rollout.evidence.stats.visits import SeenVisit, Visit, night_of, visits_of

DECIDED_WITHIN_S: Final = 3600.0
"""An alert that nobody has decided for so long has seen nothing."""


@dataclass(frozen=True, slots=True)
class MatchOutcome:
    """One visit of a bear that people saw: whether the model missed it. ``last_id`` is its newest sighting."""

    campsite: str
    start: float
    end: float
    last_id: int
    missed: bool
    first_id: int = 0
    """The sighting that was entered first."""
    undecided_at: float | None = None
    """Of a missed one: when the newest alert came that would have seen it, had somebody confirmed it."""

    def open_until(self, within_s: float) -> float:
        """Until when somebody may still decide that it was no miss."""
        return float("-inf") if self.undecided_at is None else self.undecided_at + within_s


def sightings_since(session: Session, since: float, *, blind_only: bool) -> list[Sighting]:
    """Sightings of bears, by when they were seen."""
    rows = select(Sighting).where(Sighting.seen_at > since, Sighting.animal.in_(kinds_of_bear(session)))
    if blind_only:
        rows = rows.where(Sighting.blind, Sighting.sealed_at - Sighting.seen_at <= LATE_S)
    return list(session.scalars(rows.order_by(Sighting.seen_at)))


def uncounted(session: Session, upto: int, held: Sequence[int]) -> list[Sighting]:
    """Blind sightings of bears that no step has counted: newer than ``upto``, or held back when that was reached.

    A bear-night is counted once: who enters a bear of it later, or the same bear again, adds nothing.
    """
    blind = (
        Sighting.animal.in_(kinds_of_bear(session)),
        Sighting.blind,
        Sighting.sealed_at - Sighting.seen_at <= LATE_S,
    )
    new = session.scalars(
        select(Sighting).where(or_(Sighting.id > upto, Sighting.id.in_(held)), *blind).order_by(Sighting.id)
    ).all()
    if not new:
        return []
    since = min(row.seen_at for row in new) - 86400.0
    earlier = session.scalars(
        select(Sighting).where(Sighting.id <= upto, Sighting.id.not_in(held), Sighting.seen_at >= since, *blind)
    )
    timezones = timezones_of(session)
    counted = {_night(row, timezones[row.campsite_id]) for row in earlier}
    return [row for row in new if _night(row, timezones[row.campsite_id]) not in counted]


def one_a_night(session: Session, found: Iterable[MatchOutcome]) -> list[MatchOutcome]:
    """Of each bear-night the visit that was entered first, in order of time."""
    timezones = timezones_of(session)
    chosen: dict[tuple[str, str], MatchOutcome] = {}
    for each in sorted(found, key=lambda outcome: outcome.first_id):
        chosen.setdefault((each.campsite, night_of(each.start, timezones[each.campsite])), each)
    return sorted(chosen.values(), key=lambda outcome: (outcome.start, outcome.campsite))


def outcomes(session: Session, sightings: Sequence[Sighting], rule: EvidenceRule) -> list[MatchOutcome]:
    """The visits that the sightings make up, in order of time, each matched one-to-one with what the model raised and
    somebody confirmed: by the plan's rule, as its gates do. A sighting that no longer says what was sealed is a miss.
    """
    if not sightings:
        return []
    visits = visits_of(
        (SeenVisit(s.id, s.campsite_id, s.camera_id, s.seen_at, s.seen_at) for s in sightings), rule.gap_s
    )
    lost = {row.id for row in sightings if not intact_seal(row)}
    first = min(visit.start for visit in visits)
    confirmed, undecided = _detections(session, first - rule.match.before_s)
    found = match(visits, timelines(confirmed), rule.match)
    perhaps = match(visits, timelines(undecided), rule.match)
    judged = [
        _outcome(visit, None if any(seen.id in lost for seen in visit.seen) else detection, maybe)
        for visit, detection, maybe in zip(visits, found, perhaps, strict=True)
    ]
    return sorted(judged, key=lambda outcome: (outcome.start, outcome.campsite))


def _outcome(visit: Visit, detection: Detection | None, maybe: Detection | None) -> MatchOutcome:
    entered = [seen.id for seen in visit.seen]
    at = maybe.alert_at if detection is None and maybe is not None else None
    return MatchOutcome(visit.campsite, visit.start, visit.end, max(entered), detection is None, min(entered), at)


def settled(
    found: Iterable[MatchOutcome], now: float, rule: EvidenceRule, within_s: float = DECIDED_WITHIN_S
) -> list[MatchOutcome]:
    """Those that can be judged by now; of a campsite where one cannot, none: they are counted in order, once.

    A visit is judged when nothing can join it any more, no alert can still come, and whoever may still confirm one has
    had ``within_s`` seconds for it.
    """
    listed = list(found)
    waiting = {
        outcome.campsite
        for outcome in listed
        if now - outcome.end < rule.gap_s + rule.match.after_s or now < outcome.open_until(within_s)
    }
    return [outcome for outcome in listed if outcome.campsite not in waiting]


def confirmed_timelines(session: Session, since: float) -> dict[str, Timeline]:
    """What the model raised since then and somebody confirmed, by campsite."""
    return dict(timelines(_detections(session, since)[0]))


def _night(row: Sighting, timezone: str) -> tuple[str, str]:
    return row.campsite_id, night_of(row.seen_at, timezone)


def _detections(session: Session, since: float) -> tuple[list[Detection], list[Detection]]:
    """What somebody confirmed, and what nobody has decided."""
    rows = session.execute(
        select(
            Alert.status,
            Encounter.id,
            Alert.campsite_id,
            Encounter.camera_id,
            Encounter.first_at,
            Alert.created_at,
            Encounter.last_at,
        )
        .join(Alert, Alert.encounter_id == Encounter.id)
        .where(Encounter.last_at >= since, Alert.kind == EncounterKind.BEAR, Alert.status != AlertStatus.REJECTED)
    ).all()
    confirmed: list[Detection] = []
    undecided: list[Detection] = []
    for status, key, campsite, camera, first_at, alert_at, last_at in rows:
        found = confirmed if status == AlertStatus.CONFIRMED else undecided
        found.append(Detection(key, campsite, camera, first_at, alert_at, last_at))
    return confirmed, undecided
