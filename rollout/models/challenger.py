"""A challenger beside the champion: what it said so far. It decides nothing and alerts nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.bundles.challenger_counts import (
    BOTH,
    CHALLENGER_ONLY,
    CHAMPION_ONLY,
    DIFFERENCE,
    FRAMES,
    NEITHER,
    Beside,
)
from db.models import Camera, ChallengerCount, ModelChange
from rollout.models.champion import challenger_change, change_challenger, standing
from rollout.models.registry import model_named
from rollout.stages.commands import Refused


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often both said the same of one camera in one light. ``difference`` is the mean of the bear scores'."""

    camera: str
    infrared: bool
    champion: str
    frames: int
    both: int
    neither: int
    champion_only: int
    challenger_only: int
    difference: float


def challenge(session: Session, digest: str, by: str, now: float, actor: str = "") -> ModelChange:
    """Let a registered model score beside the champion. Any other challenger goes; one at a time.

    Raises :class:`rollout.models.registry.UnknownModel`, and :class:`Refused` for the champion itself.
    """
    model = model_named(session, digest)
    if model.digest == standing(session).champion:
        raise Refused("it is the champion; a challenger is another model")
    return change_challenger(session, model.digest, by, actor or by, now)


def withdraw(session: Session, by: str, now: float, actor: str = "") -> ModelChange:
    """Let no challenger score any more. Raises :class:`Refused` where none does."""
    if challenger_change(session) is None:
        raise Refused("no challenger scores beside the champion")
    return change_challenger(session, None, by, actor or by, now)


def store_counts(session: Session, counts: Mapping[Beside, Mapping[str, int]]) -> int:
    """Add what detectors counted, in the caller's writing transaction; returns how many frames that were. Cameras
    that the site does not know are passed over."""
    known = set(session.scalars(select(Camera.id).where(Camera.id.in_({beside.camera for beside in counts}))))
    stored = 0
    for beside, said in sorted(counts.items(), key=lambda each: each[0].field("")):
        if beside.camera not in known:
            continue
        row = _row(session, beside)
        row.frames += said.get(FRAMES, 0)
        row.both += said.get(BOTH, 0)
        row.neither += said.get(NEITHER, 0)
        row.champion_only += said.get(CHAMPION_ONLY, 0)
        row.challenger_only += said.get(CHALLENGER_ONLY, 0)
        row.difference += said.get(DIFFERENCE, 0) / 1e6
        stored += said.get(FRAMES, 0)
    session.flush()
    return stored


def agreements(session: Session, challenger: str, since: float = 0.0) -> list[Agreement]:
    """What a challenger said beside each champion since a moment, camera by camera, by day and in infra-red."""
    each = ChallengerCount
    sums = [
        func.sum(column)
        for column in (each.frames, each.both, each.neither, each.champion_only, each.challenger_only, each.difference)
    ]
    keys = (each.camera_id, each.infrared, each.champion_digest)
    rows = session.execute(
        select(*keys, *sums)
        .where(each.challenger_digest == challenger, each.hour_at > since - 3600)
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        Agreement(
            camera=row[0],
            infrared=row[1],
            champion=row[2],
            frames=int(row[3]),
            both=int(row[4]),
            neither=int(row[5]),
            champion_only=int(row[6]),
            challenger_only=int(row[7]),
            difference=row[8] / max(1, row[3]),
        )
        for row in rows
    ]


def _row(session: Session, beside: Beside) -> ChallengerCount:
    found = session.scalar(
        select(ChallengerCount).where(
            ChallengerCount.challenger_digest == beside.challenger,
            ChallengerCount.champion_digest == beside.champion,
            ChallengerCount.camera_id == beside.camera,
            ChallengerCount.infrared.is_(beside.infrared),
            ChallengerCount.hour_at == float(beside.hour_at),
        )
    )
    if found is None:
        found = ChallengerCount(
            challenger_digest=beside.challenger,
            champion_digest=beside.champion,
            camera_id=beside.camera,
            infrared=beside.infrared,
            hour_at=float(beside.hour_at),
            frames=0,
            both=0,
            neither=0,
            champion_only=0,
            challenger_only=0,
            difference=0.0,
        )
        session.add(found)
        session.flush()
    return found
