"""Whether a camera sees, judged by what it shows and never by its connection.

A stream that repeats one picture with healthy timestamps, a lens under a cap and a camera without power are all blind.
Blind is never "no bear".
"""

from __future__ import annotations

import zlib
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np

from core.clock import CLOCK_STEP_S
from core.messages import CameraHealth
from ingest.scene.picture import Luma, Picture

REMEMBERED = 32
"""Pictures compared with a new one: a frozen source that re-sends its last seconds in a loop is frozen, too."""
CONVINCING = 3
"""So many new pictures make a blind camera live again: a frozen one that reconnects has one, not three. Between them
others may be repeated: many cameras send each picture several times."""
LEAST_CONTRAST = 6.0
"""Grey levels between a picture's dark and bright parts, below which the lens is covered or it is pitch dark."""
BLOCKS = (32, 18)
"""The picture's contrast is that of so many blocks' means: sensor noise does not count."""


@dataclass(frozen=True, slots=True)
class Content:
    """What liveness needs to know of one picture."""

    digest: int
    contrast: float


@dataclass(frozen=True, slots=True)
class LivenessVerdict:
    """What the camera is worth now, in a sentence for people, and when it last showed something new."""

    health: CameraHealth
    detail: str
    content_at: float | None


def content_of(picture: Picture) -> Content:
    """Fingerprint and contrast of a decoded picture."""
    digest = zlib.crc32(np.ascontiguousarray(picture.luma).data)
    return Content(digest, _contrast(picture.small))


def _contrast(small: Luma) -> float:
    blocks = cv2.resize(small, BLOCKS, interpolation=cv2.INTER_AREA)
    dark, bright = np.percentile(blocks, (5, 95))
    return float(bright - dark)


class Liveness:
    """Follows one camera. Times are seconds of a steady clock; not safe for several threads."""

    def __init__(self, blind_after_s: float, started_at: float, *, remembered: int = REMEMBERED) -> None:
        self._blind_after_s = blind_after_s
        self._started_at = started_at
        self._known: deque[int] = deque(maxlen=remembered)
        self._content_at: float | None = None
        self._picture_at: float | None = None
        self._new_at: deque[float] = deque(maxlen=CONVINCING)
        self._frozen_since: float | None = None
        self._dead_since: float | None = None
        self._covered_since: float | None = None
        self._failure: str | None = None

    def saw(self, content: Content, at: float, alive_at: float | None = None) -> bool:
        """A picture has arrived; returns whether it differs from the last ones: only then is it worth scoring.

        ``alive_at``: when the scene last showed that it lives (:mod:`ingest.scene.scene_life`), None where nobody
        knows.

        1. It is new content when none of the last pictures was the same, it shows something (contrast), and what is new
           in it is more than what the camera itself prints there.
        2. A camera that sees stays so with every new picture; one that does not must convince with several.
        """
        self._failure = None
        self._picture_at = at
        repeated = content.digest in self._known
        self._known.append(content.digest)
        covered = content.contrast < LEAST_CONTRAST
        self._frozen_since = (self._frozen_since or at) if repeated else None
        self._covered_since = (self._covered_since or at) if covered else None
        if covered:
            self._new_at.clear()
        if repeated or covered:
            return not repeated
        dead = alive_at is not None and at - alive_at > self._blind_after_s
        self._dead_since = alive_at if dead else None
        if dead:
            self._new_at.clear()
            return False
        self._new_at.append(at)
        if self._sees(at) or self._convinces(at):
            self._content_at = at if alive_at is None else max(alive_at, self._content_at or alive_at)
        return True

    def _convinces(self, at: float) -> bool:
        return len(self._new_at) == CONVINCING and at - self._new_at[0] <= self._blind_after_s

    def lost(self, failure: str) -> None:
        """The connection broke or could not be made, and why."""
        self._failure = failure
        self._new_at.clear()

    def verdict(self, now: float) -> LivenessVerdict:
        """What to tell people at ``now``."""
        if self._sees(now):
            return LivenessVerdict(CameraHealth.LIVE, "new pictures arrive", self._content_at)
        if self._content_at is None and now - self._started_at <= self._blind_after_s:
            return LivenessVerdict(CameraHealth.STARTING, self._failure_or("waiting for its first pictures"), None)
        return LivenessVerdict(CameraHealth.BLIND, self._failure_or(self._why_blind(now)), self._content_at)

    def _sees(self, now: float) -> bool:
        # A moment in the future is none: whoever gives times of a clock that was set back sees nothing until new ones.
        return self._content_at is not None and -CLOCK_STEP_S <= now - self._content_at <= self._blind_after_s

    def _failure_or(self, otherwise: str) -> str:
        return f"no connection: {self._failure}" if self._failure else otherwise

    def _why_blind(self, now: float) -> str:
        if self._picture_at is None:
            return f"no picture since its reader started {now - self._started_at:.0f} s ago"
        if now - self._picture_at > self._blind_after_s / 2:
            return f"no picture for {now - self._picture_at:.0f} s, though it is connected"
        if self._covered_since is not None:
            return f"covered or black for {now - self._covered_since:.0f} s"
        if self._dead_since is not None:
            return f"the scene is frozen for {now - self._dead_since:.0f} s, though something printed in it changes"
        if self._frozen_since is not None:
            return f"picture frozen for {now - self._frozen_since:.0f} s"
        return "its pictures are only just coming back"
