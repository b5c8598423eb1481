"""Read what evidence is made of, once, as plain values: sightings, detections, watches, and whose time it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Camera, Campsite, Encounter, Mode, Region
from db.places import campsite_at
from rollout.evidence.comparison import Intervals, SightedVisit
from rollout.evidence.matching import Detection
from rollout.evidence.sealed_sightings import BrokenSighting, read_sightings
from rollout.evidence.stats.intervals import ALWAYS, Interval, union
from rollout.evidence.watched_time import watches


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

    @property
    def confirmed(self) -> bool:
        """Whether a person has said that it is a bear. What nobody has decided has seen nothing."""
        return self.status is AlertStatus.CONFIRMED


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that people and one model have seen until now, everywhere."""

    timezones: Mapping[str, str]
    """By campsite."""
    cameras: Mapping[str, str]
    """The campsite of each camera."""
    sightings: Sequence[SightedVisit]
    """Those that are no longer what was sealed are among them, as misses."""
    broken: Sequence[BrokenSighting]
    raised: Sequence[Raised]
    watches: Intervals


def observe(session: Session, model: str, now: float) -> Observed:
    """Read what people and ``model`` have seen until ``now``."""
    timezones = timezones_of(session)
    cameras = dict(session.execute(select(Camera.id, Camera.campsite_id)).all())
    sealed = read_sightings(session, now)
    known = [each for each in sealed.all if each.campsite in timezones]
    return Observed(timezones, cameras, known, sealed.broken, _raised(session, model, now), watches(session, now))


def timezones_of(session: Session) -> dict[str, str]:
    """The time zone of each campsite."""
    rows = session.execute(select(Campsite.id, Region.timezone).join(Region, Region.id == Campsite.region_id))
    return dict(rows.all())


def _raised(session: Session, model: str, now: float) -> list[Raised]:
    """What the model raised, each at the campsite where its camera stood then."""
    rows = session.execute(
        select(
            Encounter.id,
            Encounter.camera_id,
            Alert.campsite_id,
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
            Detection(key, campsite, camera, first_at, created_at, last_at),
            late,
            AlertStatus(status),
            mode == Mode.SHADOW,
        )
        for key, camera, campsite, first_at, last_at, late, created_at, status, mode in rows
    ]


def model_time(session: Session, model: str, campsites: Iterable[str]) -> Intervals:
    """When ``model`` was the one that looked, at each campsite, judged by its encounters.

    1. From an encounter on, its model looked, until one by another model.
    2. Before the first encounter, that one's model looked.
    3. At a campsite without any encounter, whatever looked elsewhere looked there too; without any at all, ``model``.
    """
    stood = (
        select(
            campsite_at(Encounter.camera_id, Encounter.decided_at).label("campsite_id"),
            Encounter.decided_at,
            Encounter.model,
            Encounter.id,
        )
        .join(Camera, Camera.id == Encounter.camera_id)
        .subquery()
    )
    previous = func.lag(stood.c.model).over(partition_by=stood.c.campsite_id, order_by=(stood.c.decided_at, stood.c.id))
    each = select(stood, previous.label("before")).subquery()
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
