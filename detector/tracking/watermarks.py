"""How far each camera's pictures have come, kept by the tracker: what authority rests on
(:mod:`rollout.authority.freshness`).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from core.messages import FrameScores, Reason
from rollout.authority.freshness import Sighted, known, note
from rollout.base.keepalive import least_within_s

SHORTEST_S = 30.0
"""A picture handled later than this (or than two keepalives, if that is longer) proves nothing about now, and a pause
longer than this is a gap."""


class Watched:
    """The cameras of one shard. What has changed is written with the next flush."""

    def __init__(self, keepalive_s: float) -> None:
        self._within_s = max(SHORTEST_S, least_within_s(keepalive_s))
        self._sights: dict[str, Sighted] = {}
        self._changed: set[str] = set()

    def remember(self, session: Session, cameras: Collection[str]) -> None:
        """Begin with what a predecessor wrote down."""
        self._sights, self._changed = known(session, cameras), set()

    def add(self, scores: FrameScores, now: float) -> None:
        """One frame has been handled. Thumbnails are too small to count.

        A frame that was scored by a detector that fails its own proof ends its camera's sight.
        """
        if scores.frame.reason is Reason.AUDIT:
            return
        camera = scores.frame.camera
        before = self.now(camera)
        handled = before.handled(scores.frame.captured_at, now, self._within_s)
        after = handled if scores.proven else before.lost()
        if after != before:
            self._sights[camera] = after
            self._changed.add(camera)

    def now(self, camera: str) -> Sighted:
        """How far a camera has come."""
        return self._sights.get(camera, Sighted())

    def lose(self) -> None:
        """Nothing can arrive any more: no camera has sight."""
        self._changed = {camera for camera, sight in self._sights.items() if sight.steady_since is not None}
        self._sights = {camera: sight.lost() for camera, sight in self._sights.items()}

    def pending(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    def write(self, session: Session) -> None:
        """Write down what has changed; call :meth:`clear` when that is durable."""
        note(session, {camera: self._sights[camera] for camera in self._changed})

    def clear(self) -> None:
        """What has changed is durable."""
        self._changed = set()
