"""From which bear score on a camera's frames agree, in each light, and why."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import OperatingPointChange

SHOWN_MOVES: Final = 5


class ThresholdMoveOut(BaseModel):
    """A day on which the threshold moved."""

    at: float
    before: float
    threshold: float
    reason: str


class OperatingPointOut(BaseModel):
    """A camera's own threshold in one light."""

    infrared: bool
    threshold: float = Field(description="bear score from which a frame agrees")
    model_threshold: float = Field(description="the model's own, with which every camera begins")
    wanted: float | None = Field(
        description="where its visits would have it, at once and without limits; null while too few days are known"
    )
    ceiling: float = Field(description="no camera's threshold is higher")
    beyond_ceiling: bool = Field(description="the wish for so few false alarms cannot be kept here")
    constant: bool = Field(description="all its scores are the same: the camera or its picture is out of order")
    false_alarms_per_day: float = Field(description="what is accepted, per camera-day")
    visits: int = Field(description="that it follows from, of the last 30 days")
    days: float = Field(description="watched in this light, of 24 hours each")
    decided_at: float
    model: str
    reason: str
    moves: list[ThresholdMoveOut] = Field(description="the last ones, newest first")


def operating_points(session: Session, camera: str) -> list[OperatingPointOut]:
    """The newest decision about a camera in each light, by day first; none before the tracker has made one."""
    found = (_point(session, camera, infrared) for infrared in (False, True))
    return [point for point in found if point is not None]


def _point(session: Session, camera: str, infrared: bool) -> OperatingPointOut | None:
    decisions = (
        select(OperatingPointChange)
        .where(OperatingPointChange.camera_id == camera, OperatingPointChange.infrared == infrared)
        .order_by(OperatingPointChange.at.desc(), OperatingPointChange.id.desc())
    )
    row = session.scalar(decisions.limit(1))
    if row is None:
        return None
    moved = decisions.where(OperatingPointChange.threshold != OperatingPointChange.before).limit(SHOWN_MOVES)
    return OperatingPointOut(
        infrared=infrared,
        threshold=row.threshold,
        model_threshold=row.model_threshold,
        wanted=row.wanted,
        ceiling=row.ceiling,
        beyond_ceiling=row.wanted is not None and row.wanted > row.ceiling,
        constant=row.constant,
        false_alarms_per_day=row.false_alarms_per_day,
        visits=row.visits,
        days=row.days,
        decided_at=row.at,
        model=row.model,
        reason=row.reason,
        moves=[
            ThresholdMoveOut(at=each.at, before=each.before, threshold=each.threshold, reason=each.reason)
            for each in session.scalars(moved)
        ],
    )
