"""Time, in one convention: seconds since 1970 in UTC, as a float.

Messages and database rows carry these seconds under names that end in ``_at``. Durations end in ``_s``.
Civil time (what a ranger reads) is made at the very edge, from a region's time zone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

CLOCK_STEP_S = 2.0
"""A wall clock that moves by more than this against a steady one was set; by less, it was nudged."""


def now_s() -> float:
    """The wall clock, in seconds since 1970 (UTC)."""
    return time.time()


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The machine's clock was set by ``by_s`` seconds (negative: back); ``at`` is the time that held afterwards."""

    at: float
    by_s: float

    @property
    def text(self) -> str:
        """In a sentence."""
        way = "back" if self.by_s < 0 else "forward"
        return f"the clock of this machine was set {way} by {abs(self.by_s):,.0f} s"


class ClockWatch:
    """Compares the wall clock with a steady one, so that a step does not pass unnoticed."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def check(self, wall: float, steady: float) -> ClockStep | None:
        """What has happened to the clock since the last check; None when nothing has."""
        before, self._offset = self._offset, wall - steady
        if before is None or abs(self._offset - before) <= CLOCK_STEP_S:
            return None
        return ClockStep(wall, self._offset - before)


def civil(at: float, timezone: str) -> datetime:
    """The moment ``at`` as people at the campsite read it from a clock."""
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(timezone))


def hour_start(at: float) -> int:
    """The start of the UTC hour that holds ``at``, in seconds."""
    return int(at // 3600) * 3600
