"""Where frames wait for Redis: in memory, within bounds, the newest first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Condition

from core.messages import Frame

SPOOL_BYTES = 128 * 1024 * 1024
"""About 4,000 pictures: more than a minute of a dozen busy cameras."""
FRESH_S = 2.0
"""A frame older than this has missed its moment: it goes to the late stream, after everything fresh."""
OVERHEAD_BYTES = 800
"""What a frame weighs in memory besides its picture."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames that are sent together, oldest first."""

    frames: tuple[Frame, ...]
    late: bool


class Spool:
    """A bounded queue between the cameras and the sender. Safe for several threads."""

    def __init__(self, max_bytes: int = SPOOL_BYTES) -> None:
        self._max_bytes = max_bytes
        self._fresh: deque[Frame] = deque()
        self._late: deque[Frame] = deque()
        self._bytes = 0
        self._changed = Condition()

    def put(self, frame: Frame) -> list[Frame]:
        """Add a frame; returns the oldest ones, which had to give way to it."""
        with self._changed:
            self._fresh.append(frame)
            self._bytes += _weight(frame)
            dropped = self._make_room()
            self._changed.notify()
        return dropped

    def take(self, now: float, most: int) -> Batch | None:
        """Take up to ``most`` frames: fresh ones as long as there are any, else late ones. None when empty."""
        with self._changed:
            while self._fresh and now - self._fresh[0].captured_at > FRESH_S:
                self._late.append(self._fresh.popleft())
            source = self._fresh or self._late
            frames = tuple(source.popleft() for _ in range(min(most, len(source))))
            self._bytes -= sum(map(_weight, frames))
            return Batch(frames, source is self._late) if frames else None

    def put_back(self, batch: Batch, unsent: Iterable[Frame]) -> list[Frame]:
        """Return what could not be sent to the front; returns the oldest ones that no longer fit."""
        with self._changed:
            target = self._late if batch.late else self._fresh
            for frame in reversed(tuple(unsent)):
                target.appendleft(frame)
                self._bytes += _weight(frame)
            return self._make_room()

    def wait(self, timeout_s: float) -> None:
        """Wait until something is put in, at most ``timeout_s``."""
        with self._changed:
            if not self._fresh and not self._late:
                self._changed.wait(timeout_s)

    def load(self) -> tuple[int, int]:
        """``(frames, bytes)`` that wait."""
        with self._changed:
            return len(self._fresh) + len(self._late), self._bytes

    def _make_room(self) -> list[Frame]:
        dropped = []
        while self._bytes > self._max_bytes:
            frame = (self._late or self._fresh).popleft()
            self._bytes -= _weight(frame)
            dropped.append(frame)
        return dropped


def _weight(frame: Frame) -> int:
    return len(frame.jpeg) + OVERHEAD_BYTES
