"""The beat of a stream: which pictures are analysed, when each was captured, how many arrive. Pure."""

from __future__ import annotations

from collections import deque

from core.clock import CLOCK_STEP_S

STEP_S = 1e-4
"""Smallest step between two captures of one camera."""
RATE_WINDOW_S = 5.0
SPRINT_S = 1.5
"""An animal is decided on within a second of its first suspicious picture."""
SPRINT_EVERY_S = 10.0
"""So that no camera costs more than about a third above its own rate, whatever its branches look like."""
SPRINT_FPS = 15.0
"""Faster says nothing new: an animal moves by less than its picture's noise."""


class FrameRateLimiter:
    """Picks ``fps`` pictures a second out of a stream of any rate. Times are seconds of one steady clock."""

    def __init__(self, fps: float) -> None:
        self._period_s = 1.0 / fps
        self._due_at: float | None = None

    def due(self, at: float) -> bool:
        """Whether a picture that arrives now is to be analysed. A quarter of the period early is not too early."""
        return self._due_at is None or at >= self._due_at - self._period_s / 4

    def took(self, at: float) -> None:
        """A picture was analysed. The beat goes on, unless the stream paused: what was missed is not made up for."""
        if self._due_at is None or at - self._due_at > self._period_s:
            self._due_at = at
        self._due_at += self._period_s


class Sprint:
    """More pictures of one camera for a moment, because something suspicious was seen. One thread asks for it, another
    reads. Times are of one steady clock."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._next_at = float("-inf")

    def begin(self, at: float) -> bool:
        """Sprint from now on; false when the last one is not long enough ago."""
        if at < self._next_at:
            return False
        self._next_at = at + SPRINT_EVERY_S
        self._until = at + SPRINT_S
        return True

    def on(self, at: float) -> bool:
        """Whether it is on now."""
        return at < self._until


class Timestamper:
    """Capture times from the wall clock. They only grow while the clock is nudged; when it is set back, what comes
    after is stamped with the time that holds now: an hour of stamps from the future would make a dead camera seen.
    """

    def __init__(self) -> None:
        self._last = 0.0

    def stamp(self, arrived_at: float) -> float:
        """The capture time of a picture that arrived then."""
        set_back = self._last - arrived_at > CLOCK_STEP_S
        self._last = arrived_at if set_back else max(arrived_at, self._last + STEP_S)
        return self._last


class RateMeter:
    """Events per second over the last few seconds. One thread counts, any other may ask."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def tick(self, at: float) -> None:
        """Something has happened."""
        self._times.append(at)
        while at - self._times[0] > RATE_WINDOW_S:
            self._times.popleft()

    def per_second(self, at: float) -> float:
        """The rate now; nothing for a while is zero."""
        recent = [time for time in list(self._times) if at - time <= RATE_WINDOW_S]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-3)
