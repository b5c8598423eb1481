"""Time, in one convention: seconds since 1970 in UTC, as a float.

Messages and database rows carry these seconds under names that end in ``_at``. Durations end in ``_s``.
Civil time (what a ranger reads) is made at the very edge, from a region's time zone.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def now_s() -> float:
    """The wall clock, in seconds since 1970 (UTC)."""
    return time.time()


def civil(at: float, timezone: str) -> datetime:
    """The moment ``at`` as people at the campsite read it from a clock."""
    return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(timezone))


def hour_start(at: float) -> int:
    """The start of the UTC hour that holds ``at``, in seconds."""
    return int(at // 3600) * 3600
