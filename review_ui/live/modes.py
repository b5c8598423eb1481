"""The modes that hold now, as the banner shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy.orm import Session

from db.models import Mode
from review_ui.live.camera_status import CameraBoard, ModeView
from rollout.alerting.send_policy import switched_off
from rollout.authority.authority import authority
from rollout.authority.freshness import StaleCamera, stale_cameras
from rollout.stages.event_store import load
from rollout.stages.state import State


def modes_now(
    session: Session, board: CameraBoard, now: float, stale: Mapping[str, StaleCamera] | None = None
) -> list[ModeView]:
    """What holds at each campsite: the authority granted there, whether any camera sees, and who watches instead.

    ``stale``: :func:`~rollout.authority.freshness.stale_cameras` at this moment, where the caller has it already.
    """
    granted = {campsite: authority(session, campsite, now) for campsite in board.config.campsites}
    paged = _paged(load(session))
    return [
        replace(
            view,
            handover=paged.get(view.campsite_id),
            switched_off=view.mode is not Mode.SHADOW and switched_off(session, view.campsite_id, now),
        )
        for view in board.modes(granted, now, stale_cameras(session, now) if stale is None else stale)
    ]


def _paged(state: State) -> dict[str, int]:
    """How often somebody was paged, for each campsite whose whole watch is being handed over."""
    return {place.campsite: each.level + 1 for each in state.handovers if not each.cameras for place in each.places}
