"""A camera's newest pictures for people who look at it now. While nobody does, it costs nothing."""

from __future__ import annotations

from contextlib import suppress
from queue import Full, Queue
from threading import Lock
from typing import Final

from core.pictures.live_pictures import ASKED_FOR_S, LivePicture
from ingest.scene.picture import Picture, encode

EVERY_S: Final = 0.19
"""Between two pictures that are shown: five a second of a camera that is looked at five times a second."""


class LiveView:
    """Asked by one thread, fed by that of the camera. Times are of a steady clock, but for when a picture was taken."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._lock = Lock()
        self._until = 0.0
        self._shown_at = 0.0
        self._shows: Queue[LivePicture] | None = None

    def ask(self, at: float, shows: Queue[LivePicture]) -> None:
        """Put pictures into ``shows`` for a few seconds from now on; one that does not fit is let go."""
        with self._lock:
            self._until, self._shows = at + ASKED_FOR_S, shows

    def saw(self, picture: Picture, taken_at: float, at: float) -> None:
        """Show a picture if somebody looks, and the last one is not of a moment ago."""
        with self._lock:
            shows = self._shows if at < self._until else None
        if shows is None or at - self._shown_at < EVERY_S:
            return
        self._shown_at = at
        with suppress(Full):  # Redis is away, or too many look: the next picture is as good
            shows.put_nowait(LivePicture(self._camera, taken_at, encode(picture.bgr()).data))
