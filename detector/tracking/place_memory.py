"""Memory of a place: what rangers rejected at a camera, and whether a visit resembles it so closely that it can wait.

The same stump at the same place is what people complain of most. Of each encounter the crops that agreed are kept:
where they were, and what the network made of them. Those whose alerts were rejected are the memory. A visit of which
**every** agreeing crop lies where a remembered one lay, and looks to the network as that one did, is put below the
others on the page, marked with the alert that it resembles; with the first crop that does not, it is an alert like any
other again. It is raised, paged and counted as ever: only its place on the page is another one.

The memory is bounded (:data:`MOST`, :data:`FOR_S`), holds for one model and one light, and leaves out what was rejected
before the scene changed, and whatever a confirmed bear of this camera would have resembled, too. One visit in
:data:`AUDITED` that resembles stays where it is: what people say of these tells whether the memory can be trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.messages import Box, CropScore, FrameScores
from db.ledger import record
from db.models import Alert, AlertStatus, CameraHour, Encounter, EncounterCrop
from rollout.evidence.stats.likeness import unit_vector

ALIKE: Final = 0.955
"""Cosine from which two crops show the same; staged, a carved bear had .96 and more, a bear in front of it .94 at most
(docs/learning.md)."""
OVERLAP: Final = 0.5
"""Intersection over union from which two boxes are one place."""
MOST: Final = 400
"""Crops that a camera remembers, the newest."""
KEPT_PER_ENCOUNTER: Final = 12
"""Crops kept of one encounter; one that resembles another of the same is not kept."""
FOR_S: Final = 60 * 86400.0
AUDITED: Final = 20
SCENE_GAP: Final = 40.0
"""Grey levels of an hour's most different block from the mean picture; in so many hours running, the scene changed."""
SCENE_HOURS: Final = 3
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class RememberedCrop:
    """One crop of an alert; ``features`` (d,) is a unit vector."""

    alert_id: int
    box: Box
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Resemblance:
    """The alert that something resembles, and how closely its least similar crop does."""

    alert_id: int
    similarity: float


def agreeing_crops(scores: FrameScores) -> list[CropScore]:
    """All crops for which the frame agrees, not only its best."""
    return [crop for crop in scores.crops if crop.bear >= scores.threshold or (scores.unknown and crop.unknown)]


@dataclass(frozen=True, slots=True)
class PlaceMemory:
    """What one camera remembers, of one model in one light."""

    crops: tuple[RememberedCrop, ...]

    def resemblance(self, crops: Iterable[CropScore]) -> Resemblance | None:
        """What all of these resemble; None where one of them resembles nothing, or there is none."""
        found = [self._closest(each.box, unit_vector(each.features)) for each in crops]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(found):
            return None
        return min(known, key=lambda each: each.similarity)

    def without(self, bears: Sequence[RememberedCrop]) -> PlaceMemory:
        """Without what a confirmed bear resembles."""
        return PlaceMemory(tuple(each for each in self.crops if not any(_alike(each, bear) for bear in bears)))

    def _closest(self, box: Box, features: NDArray[np.float32] | None) -> Resemblance | None:
        if features is None:
            return None
        found = [
            Resemblance(each.alert_id, float(each.features @ features))
            for each in self.crops
            if each.features.shape == features.shape and overlap(each.box, box) >= OVERLAP
        ]
        best = max(found, key=lambda each: each.similarity, default=None)
        return best if best is not None and best.similarity >= ALIKE else None


def read_memory(session: Session, camera: str, model: str, infrared: bool, now: float) -> PlaceMemory:
    """What the camera remembers at this moment."""
    since = max(now - FOR_S, scene_changed_at(session, camera) or 0.0)
    rejected = _crops(session, camera, model, infrared, AlertStatus.REJECTED, since)
    bears = _crops(session, camera, model, infrared, AlertStatus.CONFIRMED, 0.0) if rejected else []
    return PlaceMemory(tuple(rejected)).without(bears)


def keep_crops(session: Session, encounter: Encounter, hits: Iterable[FrameScores]) -> None:
    """Keep what agreed, as far as it differs from what is kept of this encounter already."""
    rows = list(session.scalars(select(EncounterCrop).where(EncounterCrop.encounter_id == encounter.id)))
    kept = [_remembered(0, row) for row in rows]
    for hit in hits:
        for crop in agreeing_crops(hit):
            features = unit_vector(crop.features)
            if len(kept) >= KEPT_PER_ENCOUNTER:
                return
            if features is None or any(_alike(RememberedCrop(0, crop.box, features), each) for each in kept):
                continue
            kept.append(RememberedCrop(0, crop.box, features))
            session.add(
                EncounterCrop(
                    encounter_id=encounter.id,
                    box=crop.box,
                    infrared=hit.infrared,
                    model=hit.model,
                    features=crop.features,
                )
            )


def put_below(session: Session, alert: Alert, hits: Sequence[FrameScores], now: float) -> None:
    """Mark a new alert that resembles what was rejected; one in :data:`AUDITED` stays, and is written down as well."""
    found = _resembled(session, alert.camera_id, hits, now)
    if found is None:
        return
    audited = _drawn(alert.encounter_id)
    if not audited:
        alert.resembles_id = found.alert_id
        session.flush()
    record(
        session,
        at=now,
        kind="alert.resembles",
        subject=f"alert:{alert.id}",
        actor="tracker",
        campsite=alert.campsite_id,
        body={"alert": found.alert_id, "similarity": round(found.similarity, 4), "audited": audited},
    )


def put_back(session: Session, encounter: Encounter, hits: Sequence[FrameScores], now: float) -> bool:
    """Put an alert back among the others as soon as a frame shows something else; returns whether it was."""
    alert = session.scalar(select(Alert).where(Alert.encounter_id == encounter.id, Alert.resembles_id.is_not(None)))
    if alert is None or _resembled(session, alert.camera_id, hits, now) is not None:
        return False
    record(
        session,
        at=now,
        kind="alert.resembles_no_more",
        subject=f"alert:{alert.id}",
        actor="tracker",
        campsite=alert.campsite_id,
        body={"alert": alert.resembles_id},
    )
    alert.resembles_id = None
    session.flush()
    return True


def scene_changed_at(session: Session, camera: str) -> float | None:
    """The last hour of the newest run of hours in which the camera's picture was far from its mean; None: never."""
    hours = session.scalars(
        select(CameraHour.hour_at)
        .where(CameraHour.camera_id == camera, CameraHour.scene_gap >= SCENE_GAP)
        .order_by(CameraHour.hour_at.desc())
        .limit(24 * 14)
    ).all()
    for newest in range(len(hours) - SCENE_HOURS + 1):
        if hours[newest] - hours[newest + SCENE_HOURS - 1] == (SCENE_HOURS - 1) * _HOUR_S:
            return hours[newest]
    return None


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (_area(one) + _area(other) - both)


def _resembled(session: Session, camera: str, hits: Sequence[FrameScores], now: float) -> Resemblance | None:
    memories: dict[tuple[str, bool], PlaceMemory] = {}
    found: list[Resemblance] = []
    for hit in hits:
        key = hit.model, hit.infrared
        if key not in memories:
            memories[key] = read_memory(session, camera, *key, now)
        one = memories[key].resemblance(agreeing_crops(hit))
        if one is not None:
            found.append(one)
        elif hit.crops:
            return None
    return min(found, key=lambda each: each.similarity, default=None)


def _crops(
    session: Session, camera: str, model: str, infrared: bool, status: AlertStatus, since: float
) -> list[RememberedCrop]:
    rows = session.execute(
        select(Alert.id, EncounterCrop)
        .join(Encounter, Encounter.id == EncounterCrop.encounter_id)
        .join(Alert, Alert.encounter_id == Encounter.id)
        .where(
            Alert.camera_id == camera,
            Alert.status == status,
            Alert.captured_at >= since,
            EncounterCrop.model == model,
            EncounterCrop.infrared.is_(infrared),
        )
        .order_by(EncounterCrop.id.desc())
        .limit(MOST)
    )
    return [each for each in (_remembered(alert, row) for alert, row in rows) if each.features.size]


def _remembered(alert: int, row: EncounterCrop) -> RememberedCrop:
    x0, y0, x1, y1 = row.box
    features = unit_vector(row.features)
    return RememberedCrop(alert, (x0, y0, x1, y1), np.empty(0, dtype=np.float32) if features is None else features)


def _alike(one: RememberedCrop, other: RememberedCrop) -> bool:
    same = one.features.shape == other.features.shape and overlap(one.box, other.box) >= OVERLAP
    return same and float(one.features @ other.features) >= ALIKE


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _drawn(encounter_id: int) -> bool:
    return int.from_bytes(hashlib.sha256(f"place:{encounter_id}".encode()).digest()[:8]) % AUDITED == 0
