"""Which of the arriving pictures are analysed, how fast they arrive, and when each was captured. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

STEP_S = 1e-4
"""Smallest step between two captures of one camera."""
RATE_WINDOW_S = 5.0


class Pacer:
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


class Stamper:
    """Capture times from the wall clock, strictly increasing even when the clock is set back."""

    def __init__(self) -> None:
        self._last = 0.0

    def stamp(self, now: float) -> float:
        """The capture time of a picture that arrives at ``now``."""
        self._last = max(now, self._last + STEP_S)
        return self._last


class RateMeter:
    """Events per second over the last few seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def tick(self, at: float) -> None:
        """Something has happened."""
        self._times.append(at)
        self._forget(at)

    def per_second(self, at: float) -> float:
        """The rate now; nothing for a while is zero."""
        self._forget(at)
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-3)

    def _forget(self, at: float) -> None:
        while self._times and at - self._times[0] > RATE_WINDOW_S:
            self._times.popleft()


@dataclass(slots=True)
class Lag:
    """Notices a reader that falls behind its camera: pictures then queue in the network, and "now" is a lie.

    The stream's own clock may be wrong, so it is believed only while the reader is busy: one that mostly waits for
    its camera cannot be behind.
    """

    limit_s: float = 1.0
    window_s: float = 10.0
    _offsets: deque[tuple[float, float]] | None = None
    _busy: float = 0.0

    def behind(self, at: float, stream_s: float | None, waited_s: float, step_s: float) -> bool:
        """Whether to skip pictures now.

        ``at`` and ``stream_s`` are when a packet arrived and its time in the stream, ``waited_s`` of the last
        ``step_s`` seconds were spent waiting for it.

        1. The share of time that the reader is busy is smoothed over about a second.
        2. How far arrival lags behind the stream's clock is compared with the least lag of the last seconds.
        3. Behind is who lags by more than the limit and is busy.
        """
        share = min(1.0, step_s / 1.0)
        self._busy += share * (1.0 - min(1.0, waited_s / max(step_s, 1e-6)) - self._busy)
        if stream_s is None:
            return False
        if self._offsets is None:
            self._offsets = deque()
        offset = at - stream_s
        if self._offsets and abs(offset - self._offsets[-1][1]) > self.window_s:
            self._offsets.clear()
        self._offsets.append((at, offset))
        while at - self._offsets[0][0] > self.window_s:
            self._offsets.popleft()
        least = min(known for _, known in self._offsets)
        return offset - least > self.limit_s and self._busy > 0.8
