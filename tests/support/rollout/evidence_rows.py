"""Rows that evidence is made of: bears seen by the model, by people, by both; watches; what the cameras counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.ledger import record
from db.models import Alert, AlertStatus, Camera, CameraHour, Encounter, EncounterFrame, Mode, Sighting, Watch
from rollout.base.metrics import Measured
from rollout.control.handover_spans import handovers as handovers_of
from rollout.evidence.assessment import AssessmentScope, assess
from rollout.evidence.comparison import EvidenceRule, Intervals
from rollout.evidence.seals import BLINDNESS_TOO, SEALED, blindness_of, digest_of_sighting

MODEL = "bears@224:1234"
_keys = count()


def assessed(
    session: Session,
    campsites: Sequence[str],
    since: float,
    model: str,
    until: float,
    rule: EvidenceRule = EvidenceRule(),
    handovers: Intervals | None = None,
) -> dict[str, Measured]:
    """Everything that evidence says, by the metric's name; handovers that are not given are the events'."""
    away = handovers_of(session, until) if handovers is None else handovers
    scope = AssessmentScope(campsites=campsites, since=since, until=until, model=model, rule=rule, handovers=away)
    return assess(session, scope)


def add_bear(
    session: Session,
    at: float,
    camera: str = "upper-creek",
    status: AlertStatus = AlertStatus.CONFIRMED,
    model: str = MODEL,
    kind: EncounterKind = EncounterKind.BEAR,
    picture: str | None = None,
    mode: Mode = Mode.SHADOW,
) -> Encounter:
    """An encounter of half a minute, with its alert a second later and, if it has a picture, one frame."""
    encounter = Encounter(
        camera_id=camera, kind=kind, first_at=at, last_at=at + 30.0, decided_at=at + 0.5, closed_at=at + 90.0, hits=9,
        peak_score=0.9, peak_box=(0.1, 0.1, 0.4, 0.4), cover=picture, label="bear", zones=[], model=model, late=False,
    )  # fmt: skip
    session.add(encounter)
    session.flush()
    if picture is not None:
        session.add(
            EncounterFrame(
                encounter_id=encounter.id, captured_at=at, sequence=1, media=picture, score=0.8,
                box=(0.1, 0.1, 0.4, 0.4), agrees=True,
            )
        )  # fmt: skip
    campsite = session.get_one(Camera, camera).campsite_id
    session.add(
        Alert(
            encounter_id=encounter.id, camera_id=camera, campsite_id=campsite, kind=kind, captured_at=at + 0.5,
            created_at=at + 1.0, mode=mode, status=status, version=1,
        )
    )  # fmt: skip
    session.flush()
    return encounter


def add_sighting(
    session: Session, at: float, campsite: str = "upper-pines", blind: bool = True, user_id: int = 1, note: str = ""
) -> Sighting:
    """A bear that a person saw, sealed half a minute later, as the form does: in the ledger too."""
    return seal_sighting(session, at, campsite, blind, user_id, note, at + 30.0)


def seal_sighting(
    session: Session,
    at: float,
    campsite: str = "upper-pines",
    blind: bool = True,
    user_id: int = 1,
    note: str = "",
    sealed_at: float | None = None,
    camera: str | None = None,
    key: str | None = None,
) -> Sighting:
    """A bear seen ``at``, sealed at ``sealed_at``, with its entry in the ledger."""
    sealed_at = at + 30.0 if sealed_at is None else sealed_at
    entered = {"campsite": campsite, "camera": camera, "animal": "bear", "number": 1, "note": note, "seen_at": at}
    why = None if blind else "for the test"
    seal = digest_of_sighting(entered, user_id, sealed_at, blindness_of(blind, None, why))
    sighting = Sighting(
        campsite_id=campsite, camera_id=camera, user_id=user_id, watch_id=None, animal="bear", number=1, note=note,
        seen_at=at, sealed_at=sealed_at, seal=seal, blind=blind, not_blind_why=why, seal_version=BLINDNESS_TOO,
        idempotency_key=key or f"row-{next(_keys)}",
    )  # fmt: skip
    session.add(sighting)
    session.flush()
    note_sealing(session, sighting)
    return sighting


def note_sealing(session: Session, sighting: Sighting) -> None:
    """The ledger's entry of a sighting."""
    record(
        session, at=sighting.sealed_at, kind=SEALED, subject=f"sighting:{sighting.id}",
        actor=f"user:{sighting.user_id}", campsite=sighting.campsite_id,
        body={"sighting": sighting.id, "seal": sighting.seal, "blind": sighting.blind, "animal": sighting.animal,
              "seen_at": sighting.seen_at},
    )  # fmt: skip


def add_watch(
    session: Session, start: float, end: float | None, campsite: str = "upper-pines", user_id: int = 1
) -> Watch:
    """Somebody watches a campsite; ``end`` is None while they still do."""
    watch = Watch(campsite_id=campsite, user_id=user_id, started_at=start, ended_at=end)
    session.add(watch)
    session.flush()
    return watch


def add_hours(
    session: Session,
    start: float,
    hours: int,
    camera: str = "upper-creek",
    motion: int = 5,
    thumbnails: int = 60,
    minutes: int = 2**60 - 1,
) -> None:
    """Whole hours in which a camera was seen, each with its thumbnails."""
    first = start // 3600 * 3600
    moments = [first + number * 3600 for number in range(hours)]
    rows = [
        {
            "camera_id": camera, "hour_at": at, "frames": {"motion": motion, "audit": thumbnails}, "unknown": {},
            "histogram": [300] + [0] * 19, "max_score": 0.02, "minutes": minutes,
            "thumbnails": [thumbnail(camera, at, index) for index in range(thumbnails)],
        }
        for at in moments
    ]  # fmt: skip
    session.execute(insert(CameraHour), rows)


def thumbnail(camera: str, hour_at: float, index: int) -> str:
    """The media key of one of those thumbnails."""
    day = datetime.fromtimestamp(hour_at, UTC).strftime("%Y-%m-%d")
    return f"{day}/{camera}/{int(hour_at) + index:032x}.jpg"
