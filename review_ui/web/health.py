"""Whether the parts that the page leans on are there."""

from __future__ import annotations

from typing import Any

import redis
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from review_ui.auth.accounts import Account
from review_ui.live.camera_status import Seeing
from review_ui.site import Site


class Health(BaseModel):
    """The state of the whole site. ``processes`` are the last heartbeats, with their age in ``age_s``."""

    database: bool
    redis: bool
    open_pages: int
    cameras_seeing: int
    cameras_blind: int
    processes: dict[str, dict[str, Any]]


def database_answers(site: Site) -> bool:
    """Whether the database answers a question."""
    try:
        with site.database.read() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def health(site: Site, account: Account) -> Health:
    """Ask every part. Cameras are counted at the campsites of whoever asks."""
    now = site.clock()
    seeing = [camera.seeing for camera in site.board.cameras(now) if account.covers(camera.campsite_id)]
    try:
        beats = site.telemetry.heartbeats()
        redis_answers = True
    except redis.RedisError:
        beats, redis_answers = {}, False
    return Health(
        database=database_answers(site),
        redis=redis_answers,
        open_pages=site.hub.listeners,
        cameras_seeing=seeing.count(Seeing.SEES),
        cameras_blind=seeing.count(Seeing.BLIND),
        processes={
            name: {**facts, "age_s": round(now - float(facts.get("at", 0)), 1)} for name, facts in beats.items()
        },
    )
