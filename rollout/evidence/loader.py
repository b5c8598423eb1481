"""Read what evidence is made of, once, as plain values: sightings, detections, watches, and whose time it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Camera, Campsite, Encounter, Mode, Region, Sighting
from rollout.evidence.comparison import Intervals, SightedVisit
from rollout.evidence.matching import Detection
from rollout.evidence.seals import digest_of_sighting
from rollout.evidence.stats.intervals import ALWAYS, Interval, union
from rollout.evidence.watched_time import watches

BEAR = "bear"


@dataclass(frozen=True, slots=True)
class Raised:
    """A bear encounter of the model with what became of its alert."""

    detection: Detection
    late: bool
    status: AlertStatus
    shadow: bool
    """Whether it was raised while nothing of it could leave the building."""

    @property
    def rejected(self) -> bool:
        """Whether a person has said that it is no bear."""
        return self.status is AlertStatus.REJECTED


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that people and one model have seen until now, everywhere."""

    timezones: Mapping[str, str]
    """By campsite."""
    cameras: Mapping[str, str]
    """The campsite of each camera."""
    sightings: Sequence[SightedVisit]
    broken_seals: int
    """Sightings that no longer say what was sealed, and are left out."""
    raised: Sequence[Raised]
    watches: Intervals


def observe(session: Session, model: str, now: float) -> Observed:
    """Read what people and ``model`` have seen until ``now``."""
    timezones = timezones_of(session)
    cameras = dict(session.execute(select(Camera.id, Camera.campsite_id)).all())
    sightings, broken = _sightings(session, now)
    return Observed(timezones, cameras, sightings, broken, _raised(session, model, now, cameras), watches(session, now))


def timezones_of(session: Session) -> dict[str, str]:
    """The time zone of each campsite."""
    rows = session.execute(select(Campsite.id, Region.timezone).join(Region, Region.id == Campsite.region_id))
    return dict(rows.all())


def _sightings(session: Session, now: float) -> tuple[list[SightedVisit], int]:
    rows = session.execute(
        select(
            Sighting.id,
            Sighting.campsite_id,
            Sighting.camera_id,
            Sighting.animal,
            Sighting.number,
            Sighting.note,
            Sighting.seen_at,
            Sighting.user_id,
            Sighting.sealed_at,
            Sighting.seal,
            Sighting.blind,
        )
        .where(Sighting.animal == BEAR, Sighting.sealed_at <= now)
        .order_by(Sighting.seen_at, Sighting.id)
    ).all()
    kept = []
    for key, campsite, camera, animal, number, note, seen_at, user, sealed_at, seal, blind in rows:
        entered = {
            "campsite": campsite, "camera": camera, "animal": animal, "number": number, "note": note,
            "seen_at": seen_at,
        }  # fmt: skip
        if digest_of_sighting(entered, user, sealed_at) == seal:
            kept.append(SightedVisit(key, campsite, camera, seen_at, blind))
    return kept, len(rows) - len(kept)


def _raised(session: Session, model: str, now: float, cameras: Mapping[str, str]) -> list[Raised]:
    rows = session.execute(
        select(
            Encounter.id,
            Encounter.camera_id,
            Encounter.first_at,
            Encounter.last_at,
            Encounter.late,
            Alert.created_at,
            Alert.status,
            Alert.mode,
        )
        .join(Alert, Alert.encounter_id == Encounter.id)
        .where(Alert.kind == EncounterKind.BEAR, Alert.created_at <= now, Encounter.model == model)
        .order_by(Alert.created_at, Encounter.id)
    )
    return [
        Raised(
            Detection(key, cameras[camera], camera, first_at, created_at, last_at),
            late,
            AlertStatus(status),
            mode == Mode.SHADOW,
        )
        for key, camera, first_at, last_at, late, created_at, status, mode in rows
    ]


def model_time(session: Session, model: str, campsites: Iterable[str]) -> Intervals:
    """When ``model`` was the one that looked, at each campsite, judged by its encounters.

    1. From an encounter on, its model looked, until one by another model.
    2. Before the first encounter, that one's model looked.
    3. At a campsite without any encounter, whatever looked elsewhere looked there too; without any at all, ``model``.
    """
    previous = func.lag(Encounter.model).over(
        partition_by=Camera.campsite_id, order_by=(Encounter.decided_at, Encounter.id)
    )
    each = (
        select(Camera.campsite_id, Encounter.decided_at, Encounter.model, previous.label("before"), Encounter.id)
        .join(Camera, Camera.id == Encounter.camera_id)
        .subquery()
    )
    changes = session.execute(
        select(each.c.campsite_id, each.c.decided_at, each.c.model)
        .where((each.c.before.is_(None)) | (each.c.before != each.c.model))
        .order_by(each.c.decided_at, each.c.id)
    ).all()
    by_campsite: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for campsite, at, name in changes:
        by_campsite[campsite].append((at, name))
    everywhere = [(at, name) for _, at, name in changes]
    return {campsite: _spans(by_campsite.get(campsite) or everywhere, model) for campsite in campsites}


def _spans(changes: Sequence[tuple[float, str]], model: str) -> Sequence[Interval]:
    if not changes:
        return ALWAYS
    starts = [-inf, *(at for at, _ in changes[1:])]
    ends = [*starts[1:], inf]
    return union(
        Interval(start, end) for (_, name), start, end in zip(changes, starts, ends, strict=True) if name == model
    )
