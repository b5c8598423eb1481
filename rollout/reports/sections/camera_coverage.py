"""Which cameras saw, and when they did not: minute by minute, from what the tracker counted. Pure but for one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import CameraHour

LEAST_BLIND_MINUTES: Final = 3
"""Shorter gaps are keepalives that came late, and are in the uptime only."""
MOST_HOURS: Final = 60_000
"""Camera-hours up to which blind spells are listed."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch of time in which a camera was not seen."""

    camera: str
    start: float
    end: float

    @property
    def length_s(self) -> float:
        """In seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class CameraCoverage:
    """One camera: the minutes it should have been seen, those it was, and the spells in which it was not."""

    camera: str
    wanted: int
    seen: int
    spells: tuple[Spell, ...]

    @property
    def share(self) -> float | None:
        """The share that was seen; None when it has only begun."""
        return self.seen / self.wanted if self.wanted else None

    @property
    def longest_s(self) -> float:
        """Its longest blind spell."""
        return max((spell.length_s for spell in self.spells), default=0.0)


def seen_minutes(session: Session, cameras: Collection[str], start: float, end: float) -> dict[str, dict[int, int]]:
    """The minutes in which each camera was seen, as bits, by UTC hour."""
    rows = session.execute(
        select(CameraHour.camera_id, CameraHour.hour_at, CameraHour.minutes).where(
            CameraHour.camera_id.in_(cameras),
            CameraHour.hour_at >= start // 3600 * 3600,
            CameraHour.hour_at < end,
        )
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for camera, hour_at, bits in rows:
        found[camera][int(hour_at)] = bits
    return found


def seeing(camera: str, hours: Mapping[int, int], start: float, end: float) -> CameraCoverage:
    """What a camera saw in the whole minutes from ``start`` to ``end``. An hour without a row was not seen at all."""
    first, last = ceil(start / 60), int(end // 60)
    seen, since = 0, first
    spells: list[Spell] = []
    for minute in range(first, last):
        if hours.get(minute // 60 * 3600, 0) >> (minute % 60) & 1:
            seen += 1
            spells += _spell(camera, since, minute)
            since = minute + 1
    return CameraCoverage(camera, max(0, last - first), seen, (*spells, *_spell(camera, since, last)))


def _spell(camera: str, since: int, until: int) -> Sequence[Spell]:
    return [Spell(camera, since * 60.0, until * 60.0)] if until - since >= LEAST_BLIND_MINUTES else []
