"""What campers may know of their campsite. In shadow that is nothing that the model or anybody says of bears."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from review_ui.live.camera_status import CameraBoard, Seeing
from rollout.alerting.active_warnings import CamperWarning, current_warning, live_cameras
from rollout.authority.freshness import stale_cameras


class Service(StrEnum):
    """What the page is worth at this moment."""

    OFF = "off"
    """In shadow: nobody is warned through it."""
    BLIND = "blind"
    """No camera is watched: a missing warning means nothing."""
    PARTLY = "partly"
    """Some cameras are watched."""
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Camp:
    """One campsite as campers see it."""

    id: str
    name: str
    timezone: str
    service: Service
    warning: CamperWarning | None
    unwatched_since: float | None = None
    """Since when the first of the cameras that are not watched has not been; None when all are, or nobody knows."""


def camp(session: Session, board: CameraBoard, campsite_id: str, now: float) -> Camp:
    """The campsite's state now. A warning outranks everything: it stands even when all cameras have gone blind."""
    config = board.config
    configured = config.campsites[campsite_id]
    live = live_cameras(session, campsite_id, now)
    stale = {name: camera for name, camera in stale_cameras(session, now).items() if name in live}
    return Camp(
        id=campsite_id,
        name=configured.name or campsite_id,
        timezone=config.regions[configured.region].timezone,
        service=_service(board, campsite_id, live - stale.keys(), now) if live else Service.OFF,
        warning=current_warning(session, campsite_id, now) if live else None,
        unwatched_since=min((each.captured_at or each.lost_at for each in stale.values()), default=None),
    )


def _service(board: CameraBoard, campsite_id: str, watched: Collection[str], now: float) -> Service:
    cameras = [each for each in board.cameras(now) if each.campsite_id == campsite_id and each.seeing is not Seeing.OFF]
    watching = [each for each in cameras if each.id in watched and each.seeing is Seeing.SEES]
    if not watching:
        return Service.BLIND
    return Service.FULL if len(watching) == len(cameras) else Service.PARTLY
