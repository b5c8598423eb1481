"""What the breakers' own observations say to the gates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Camera, CanaryRun
from rollout.base.metrics import Measured

CLIP_EVERY_S: Final = 3600.0
"""A test clip is sent on each camera's path this often where nothing is live; else as often as the plan says."""
CLIP_CHECK_EVERY_S: Final = 15.0
"""Whether one is due is asked this often."""
JUDGED_AFTER_S: Final = 60.0
"""A test clip that nobody has seen by then was missed."""


def canary_recall(session: Session, campsites: Collection[str], since: float, now: float) -> Measured:
    """The share of test clips that were seen, on the paths of all cameras of these campsites.

    A camera on whose path nothing was planted in that time makes it unknown: a path that nobody has tried is no path.
    """
    cameras = set(
        session.scalars(select(Camera.id).where(Camera.campsite_id.in_(campsites), Camera.enabled, Camera.configured))
    )
    rows = session.execute(
        select(CanaryRun.camera_id, CanaryRun.seen).where(
            CanaryRun.camera_id.in_(cameras),
            CanaryRun.planted_at >= since,
            CanaryRun.planted_at <= now - JUDGED_AFTER_S,
        )
    ).all()
    planted, seen = Counter(camera for camera, _ in rows), Counter(camera for camera, was_seen in rows if was_seen)
    untried = sorted(cameras - set(planted))
    if untried or not cameras:
        why = f"no test clip was sent for {', '.join(untried[:5]) or 'any camera'}{' …' if len(untried) > 5 else ''}"
        return Measured("canary_clip_recall", None, n=len(rows), unit="test clips", why=why)
    missed = {camera: planted[camera] - seen[camera] for camera in planted if planted[camera] > seen[camera]}
    return Measured(
        "canary_clip_recall",
        seen.total() / planted.total(),
        n=planted.total(),
        unit="test clips",
        detail={"missed": missed},
    )
