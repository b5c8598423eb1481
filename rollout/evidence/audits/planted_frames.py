"""Known bears for the auditors: a confirmed encounter's frame among the thumbnails of an hour of the same camera."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import EncounterKind
from db.models import Alert, AlertStatus, Encounter, EncounterFrame
from rollout.evidence.audits.audit_sampling import Hour

DONORS_FROM_S: Final = 60 * 86400.0
"""Bears older than this are not planted: the scene has changed too much to pass for today's."""
NEAR_HOURS: Final = 2
"""A donor is from about the same hour of the day, so that light and shadows fit."""
HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Donor:
    """A confirmed bear encounter."""

    encounter_id: int
    camera: str
    first_at: float


@dataclass(frozen=True, slots=True)
class Plant:
    """A known bear for one hour of the day: which picture, and where it comes from."""

    hour: Hour
    encounter_id: int
    picture: str


def donors(session: Session, before: float) -> dict[str, list[Donor]]:
    """Confirmed bears of the last weeks, by camera."""
    rows = session.execute(
        select(Encounter.id, Encounter.camera_id, Encounter.first_at)
        .join(Alert, Alert.encounter_id == Encounter.id)
        .where(
            Alert.status == AlertStatus.CONFIRMED,
            Encounter.kind == EncounterKind.BEAR,
            Encounter.first_at >= before - DONORS_FROM_S,
            Encounter.first_at < before,
        )
        .order_by(Encounter.id)
    )
    found: dict[str, list[Donor]] = defaultdict(list)
    for encounter_id, camera, first_at in rows:
        found[camera].append(Donor(encounter_id, camera, first_at))
    return found


def fitting(hour: Hour, by_camera: dict[str, list[Donor]]) -> list[Donor]:
    """Donors whose bear could have come in this hour: same camera, about the same time of day."""
    return [donor for donor in by_camera.get(hour.camera, []) if _apart(hour.hour_at, donor.first_at) <= NEAR_HOURS]


def plant(
    session: Session, hosts: Sequence[Hour], by_camera: dict[str, list[Donor]], count: int, source: Random
) -> list[Plant]:
    """Plant up to ``count`` bears, each in another hour and, while there are enough, each another bear."""
    planted: list[Plant] = []
    used: set[int] = set()
    for hour in source.sample(list(hosts), len(hosts)):
        if len(planted) == count:
            break
        options = fitting(hour, by_camera)
        fresh = [donor for donor in options if donor.encounter_id not in used] or options
        if not fresh:
            continue
        donor = source.choice(fresh)
        picture = _picture(session, donor, source)
        if picture is not None:
            used.add(donor.encounter_id)
            planted.append(Plant(hour, donor.encounter_id, picture))
    return planted


def _picture(session: Session, donor: Donor, source: Random) -> str | None:
    """Any of the frames that agreed, not the best one: a bear that is easy to find would flatter the auditors."""
    pictures = session.scalars(
        select(EncounterFrame.media)
        .where(
            EncounterFrame.encounter_id == donor.encounter_id,
            EncounterFrame.agrees,
            EncounterFrame.media.is_not(None),
        )
        .order_by(EncounterFrame.id)
    ).all()
    return source.choice(pictures) if pictures else None


def _apart(first: float, second: float) -> float:
    """Hours between two times of day."""
    gap = abs(int(first // HOUR_S) - int(second // HOUR_S)) % 24
    return min(gap, 24 - gap)
