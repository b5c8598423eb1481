"""How long alerts took, counted once each: a scrape looks only at what is new since the last one."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Alert, Encounter

BUCKETS_S: Final = (0.25, 0.5, 0.75, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0)
BACKFILL_S: Final = 24 * 3600.0
"""How far back a process that has just started counts. Prometheus knows counters that begin anew."""
READ_AT_ONCE: Final = 5000


@dataclass(frozen=True, slots=True)
class Counted:
    """A histogram: ``within`` counts the alerts up to each bound of :data:`BUCKETS_S`."""

    within: tuple[int, ...]
    count: int
    total_s: float


class Latencies:
    """Capture to alert, over all alerts but those found in frames that had waited out an outage."""

    def __init__(self) -> None:
        self._last_id: int | None = None
        self._bins = [0] * (len(BUCKETS_S) + 1)
        self._total_s = 0.0
        self._lock = threading.Lock()

    def counted(self, session: Session, now: float) -> Counted:
        """What has been counted, with the new alerts."""
        with self._lock:
            if self._last_id is None:
                before = select(func.max(Alert.id)).where(Alert.created_at < now - BACKFILL_S)
                self._last_id = session.scalar(before) or 0
            while self._read(session) == READ_AT_ONCE:
                pass
            within = tuple(sum(self._bins[: number + 1]) for number in range(len(BUCKETS_S)))
            return Counted(within, sum(self._bins), self._total_s)

    def _read(self, session: Session) -> int:
        rows = session.execute(
            select(Alert.id, Alert.created_at, Alert.captured_at, Encounter.late)
            .join(Encounter, Encounter.id == Alert.encounter_id)
            .where(Alert.id > self._last_id)
            .order_by(Alert.id)
            .limit(READ_AT_ONCE)
        ).all()
        for alert_id, created_at, captured_at, late in rows:
            self._last_id = alert_id
            if not late:
                self._bins[bisect_left(BUCKETS_S, created_at - captured_at)] += 1
                self._total_s += created_at - captured_at
        return len(rows)
