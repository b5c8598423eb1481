"""The modes that hold now, as the banner shows them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from review_ui.board import CameraBoard, ModeView
from rollout.authority import authority


def modes_now(session: Session, board: CameraBoard, now: float) -> list[ModeView]:
    """What holds at each campsite: the authority granted there, and whether any camera sees."""
    granted = {campsite: authority(session, campsite, now) for campsite in board.config.campsites}
    return board.modes(granted, now)
