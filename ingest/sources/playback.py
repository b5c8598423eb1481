"""The time inside a recording, and a video file as a camera that plays in real time."""

from __future__ import annotations

import time
from threading import Event

from av.packet import Packet
from av.video.stream import VideoStream

USUAL_STEP_S = 1 / 25
LONGEST_PAUSE_S = 2.0


class MediaTimeline:
    """Turns the timestamps of a recording into time that only grows, whatever they are worth.

    A missing timestamp, one that runs backwards and one that leaps count as a usual step.
    """

    def __init__(self, usual_step_s: float, longest_step_s: float) -> None:
        self._usual_step_s = usual_step_s
        self._longest_step_s = longest_step_s
        self._stamp_s: float | None = None
        self._elapsed_s: float | None = None

    def advance(self, stamp_s: float | None) -> float:
        """Seconds since the first picture, of a picture with this timestamp."""
        if self._elapsed_s is None:
            self._elapsed_s = 0.0
        else:
            self._elapsed_s += self._step_s(stamp_s)
        self._stamp_s = stamp_s
        return self._elapsed_s

    def _step_s(self, stamp_s: float | None) -> float:
        if stamp_s is None or self._stamp_s is None:
            return self._usual_step_s
        step_s = stamp_s - self._stamp_s
        return step_s if 0.0 < step_s <= self._longest_step_s else self._usual_step_s


class Playback:
    """Holds packets of one run through a file back until their time has come, or until ``stop`` is set."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._started_at = time.monotonic()
        self._timeline = MediaTimeline(USUAL_STEP_S, LONGEST_PAUSE_S)

    def wait_for(self, packet: Packet[VideoStream]) -> None:
        """Wait until this packet would arrive from a camera."""
        if packet.dts is None:
            return  # the end: what the decoder still holds is due at once
        elapsed_s = self._timeline.advance(float(packet.dts * packet.time_base))
        self._stop.wait(max(0.0, self._started_at + elapsed_s - time.monotonic()))
