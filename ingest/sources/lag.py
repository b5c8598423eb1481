"""Notices a reader that falls behind its camera: its pictures queue in the network, and "now" becomes a lie. Pure."""

from __future__ import annotations

from collections import deque

LIMIT_S = 1.0
WINDOW_S = 10.0
BUSY = 0.8
SMOOTHED_OVER_S = 1.0


class Lag:
    """Compares the arrival of one connection's packets with the stream's own clock.

    That clock may run wrong or jump, so it is believed only while the reader is busy: one that mostly waits for its
    camera is not behind.
    """

    def __init__(self) -> None:
        self._busy = 0.0
        self._last_offset_s: float | None = None
        self._least: deque[tuple[float, float]] = deque()
        """(arrival, offset) pairs, offsets rising: the first is the least of the window."""

    def behind(self, at: float, stream_s: float | None, waited_s: float, step_s: float) -> bool:
        """Whether pictures have to be skipped now.

        ``at`` and ``stream_s`` are when a packet arrived and its time in the stream, ``waited_s`` of the ``step_s``
        seconds since the packet before were spent waiting for it.

        1. The share of time that the reader is busy is smoothed over about a second.
        2. How far arrival lags behind the stream's clock is compared with the least lag of the last seconds.
        3. Behind is who lags by more than the limit and is busy.
        """
        busy_now = 1.0 - min(1.0, waited_s / max(step_s, 1e-6))
        self._busy += min(1.0, step_s / SMOOTHED_OVER_S) * (busy_now - self._busy)
        if stream_s is None:
            return False
        offset_s = at - stream_s
        if self._last_offset_s is not None and abs(offset_s - self._last_offset_s) > WINDOW_S:
            self._least.clear()  # the stream's clock jumped
        self._last_offset_s = offset_s
        while self._least and self._least[-1][1] >= offset_s:
            self._least.pop()
        self._least.append((at, offset_s))
        while at - self._least[0][0] > WINDOW_S:
            self._least.popleft()
        return offset_s - self._least[0][1] > LIMIT_S and self._busy > BUSY
