"""How far each camera's pictures have come, kept by the tracker: what authority depends on
(:mod:`rollout.authority.freshness`).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from core.messages import FrameScores, Reason
from rollout.authority.freshness import Watermark, read_watermarks, store_watermarks
from rollout.base.keepalive import least_within_s

SHORTEST_S = 30.0
"""A picture handled later than this (or than two keepalives, if that is longer) proves nothing about now, and a pause
longer than this is a gap."""


class Watermarks:
    """The cameras of one shard. What has changed is written with the next flush."""

    def __init__(self, keepalive_s: float) -> None:
        self._within_s = max(SHORTEST_S, least_within_s(keepalive_s))
        self._watermarks: dict[str, Watermark] = {}
        self._changed: set[str] = set()

    def remember(self, session: Session, cameras: Collection[str]) -> None:
        """Begin with what a predecessor wrote down."""
        self._watermarks, self._changed = read_watermarks(session, cameras), set()

    def add(self, scores: FrameScores, now: float) -> None:
        """One frame has been handled. Thumbnails are too small to count.

        A frame that was scored by a detector that fails its self-test ends its camera's freshness.
        """
        if scores.frame.reason is Reason.AUDIT:
            return
        camera = scores.frame.camera
        before = self.now(camera)
        handled = before.handled(scores.frame.captured_at, now, self._within_s)
        after = handled if scores.self_test_ok else before.lost()
        if after != before:
            self._watermarks[camera] = after
            self._changed.add(camera)

    def now(self, camera: str) -> Watermark:
        """How far a camera has come."""
        return self._watermarks.get(camera, Watermark())

    def lose(self) -> None:
        """Nothing can arrive any more: no camera is fresh."""
        self._changed = {camera for camera, watermark in self._watermarks.items() if watermark.steady_since is not None}
        self._watermarks = {camera: watermark.lost() for camera, watermark in self._watermarks.items()}

    def pending(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    def write(self, session: Session) -> None:
        """Write down what has changed; call :meth:`clear` when that is durable."""
        store_watermarks(session, {camera: self._watermarks[camera] for camera in self._changed})

    def clear(self) -> None:
        """What has changed is durable."""
        self._changed = set()
