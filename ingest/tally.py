"""How many frames were sent and dropped, and why: for the camera's status, and for the counters in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from threading import Lock

from core.telemetry import counter

SENT = "bearwatch_frames_sent_total"
DROPPED = "bearwatch_frames_dropped_total"
OVERFLOWED = "bearwatch_frames_overflowed_total"
MAIN_STREAM_DROPPED = "bearwatch_main_stream_dropped_total"

UNDECODABLE = "undecodable"
"""Broken data that the decoder refused."""
BEHIND = "behind"
"""The reader could not keep up with its camera."""
SPOOL_FULL = "spool_full"
"""Redis was unreachable for too long."""
REDIS_FULL = "redis_full"
"""Redis refused the frame for want of memory."""


class FrameCounters:
    """Totals since the process started, and what Redis has not been told yet. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._totals: Counter[tuple[str, str, str]] = Counter()
        self._reported: Counter[tuple[str, str, str]] = Counter()

    def sent(self, camera: str, reason: str, amount: int = 1) -> None:
        """Frames of this reason are on the stream."""
        self._add(SENT, camera, reason, amount)

    def dropped(self, camera: str, reason: str, amount: int = 1) -> None:
        """Frames are lost, for this reason."""
        self._add(DROPPED, camera, reason, amount)

    def overflowed(self, amount: int) -> None:
        """The bounded stream was full of frames that nobody had read; it does not say whose it let go."""
        self._add(OVERFLOWED, "", "", amount)

    def event(self, name: str, camera: str, reason: str, amount: int = 1) -> None:
        """Something else that is counted by camera and reason, under that counter's name."""
        self._add(name, camera, reason, amount)

    def of(self, camera: str) -> tuple[dict[str, int], dict[str, int]]:
        """``(sent, dropped)`` of one camera, by reason."""
        with self._lock:
            rows = [(name, reason, total) for (name, of, reason), total in self._totals.items() if of == camera]
        return (
            {reason: total for name, reason, total in rows if name == SENT},
            {reason: total for name, reason, total in rows if name == DROPPED},
        )

    def unreported(self) -> dict[tuple[str, str, str], int]:
        """What has been counted since the last :meth:`tell`, by (counter, camera, reason); empty where it has none."""
        with self._lock:
            return {
                key: total - self._reported[key] for key, total in self._totals.items() if total > self._reported[key]
            }

    def mark_reported(self, counts: Mapping[tuple[str, str, str], int]) -> None:
        """These counts have reached Redis."""
        with self._lock:
            self._reported.update(counts)

    def _add(self, name: str, camera: str, reason: str, amount: int) -> None:
        with self._lock:
            self._totals[(name, camera, reason)] += amount


def counter_names(counts: Mapping[tuple[str, str, str], int]) -> dict[str, int]:
    """Counts under the names that Redis and Prometheus know."""
    return {_name(*key): amount for key, amount in counts.items()}


def _name(name: str, camera: str, reason: str) -> str:
    return counter(name, camera_name=camera, reason=reason) if camera else counter(name)
