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

from core.messages import CameraHealth
from ingest.picture import Luma, Picture

REMEMBERED = 32
"""Pictures compared with a new one: a frozen source that re-sends its last seconds in a loop is frozen, too."""
CONVINCING = 3
"""So many new pictures in a row make a blind camera live again: a frozen one that reconnects has one, not three."""
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
    """Follows one camera. Times are wall-clock seconds; not safe for several threads."""

    def __init__(self, blind_after_s: float, started_at: float, *, remembered: int = REMEMBERED) -> None:
        self._blind_after_s = blind_after_s
        self._started_at = started_at
        self._known: deque[int] = deque(maxlen=remembered)
        self._content_at: float | None = None
        self._picture_at: float | None = None
        self._new_in_a_row = 0
        self._frozen_since: float | None = None
        self._covered_since: float | None = None
        self._failure: str | None = None

    def saw(self, content: Content, at: float) -> bool:
        """A picture has arrived; returns whether it differs from the last ones: only then is it worth scoring.

        1. It is new content when none of the last pictures was the same, and it shows something (contrast).
        2. A camera that sees stays so with every new picture; one that does not must convince with several in a row.
        """
        self._failure = None
        self._picture_at = at
        repeated = content.digest in self._known
        self._known.append(content.digest)
        covered = content.contrast < LEAST_CONTRAST
        self._frozen_since = (self._frozen_since or at) if repeated else None
        self._covered_since = (self._covered_since or at) if covered else None
        if repeated or covered:
            self._new_in_a_row = 0
            return not repeated
        self._new_in_a_row += 1
        if self._sees(at) or self._new_in_a_row >= CONVINCING:
            self._content_at = at
        return True

    def lost(self, failure: str) -> None:
        """The connection broke or could not be made, and why."""
        self._failure = failure
        self._new_in_a_row = 0

    def verdict(self, now: float) -> LivenessVerdict:
        """What to tell people at ``now``."""
        if self._sees(now):
            return LivenessVerdict(CameraHealth.LIVE, "new pictures arrive", self._content_at)
        if self._content_at is None and now - self._started_at <= self._blind_after_s:
            return LivenessVerdict(CameraHealth.STARTING, self._failure_or("waiting for its first pictures"), None)
        return LivenessVerdict(CameraHealth.BLIND, self._failure_or(self._why_blind(now)), self._content_at)

    def _sees(self, now: float) -> bool:
        return self._content_at is not None and now - self._content_at <= self._blind_after_s

    def _failure_or(self, otherwise: str) -> str:
        return f"no connection: {self._failure}" if self._failure else otherwise

    def _why_blind(self, now: float) -> str:
        if self._picture_at is None:
            return f"no picture since its reader started {now - self._started_at:.0f} s ago"
        if now - self._picture_at > self._blind_after_s / 2:
            return f"no picture for {now - self._picture_at:.0f} s, though it is connected"
        if self._covered_since is not None:
            return f"covered or black for {now - self._covered_since:.0f} s"
        if self._frozen_since is not None:
            return f"picture frozen for {now - self._frozen_since:.0f} s"
        return "its pictures are only just coming back"
