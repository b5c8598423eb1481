"""A night, from noon to noon by the campsite's clock: 24 hours, or 23, or 25. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_NOON: Final = 12
TICK_HOURS: Final = 3
WIDTH: Final = 1000.0
"""How wide a night is drawn, in units of an SVG's view box."""


@dataclass(frozen=True, slots=True)
class HourMark:
    """A full hour on the clock, at ``x`` of :data:`WIDTH`."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Night:
    """From noon of ``day`` to noon of the next day, in seconds since 1970."""

    day: date
    timezone: str
    start: float
    end: float

    @property
    def hours(self) -> float:
        """How long it is: 24, but 23 or 25 when the clocks change."""
        return (self.end - self.start) / 3600.0

    def holds(self, at: float) -> bool:
        """Whether a moment belongs to it."""
        return self.start <= at < self.end

    def x(self, at: float) -> float:
        """Where a moment is drawn; moments outside are drawn at the edge."""
        share = (at - self.start) / (self.end - self.start)
        return WIDTH * min(1.0, max(0.0, share))

    def clamp(self, at: float) -> float:
        """The nearest moment that belongs to it."""
        return min(max(at, self.start), self.end - 1.0)

    def other(self, days: int) -> date | None:
        """The date of an earlier or later night; None beyond the calendar."""
        try:
            return self.day + timedelta(days=days)
        except OverflowError:
            return None

    def ticks(self) -> Iterator[HourMark]:
        """Every third full hour as the clocks show it; an hour that comes twice is drawn twice."""
        zone = ZoneInfo(self.timezone)
        at = self.start
        while at < self.end:
            civil = datetime.fromtimestamp(at, UTC).astimezone(zone)
            if civil.hour % TICK_HOURS == 0 and civil.minute == 0:
                yield HourMark(self.x(at), f"{civil:%H}")
            at += 3600.0


def night(day: date, timezone: str) -> Night:
    """The night that begins on ``day``. Noon is never skipped or repeated by any clock change."""
    start, end = _noon(day, timezone), _noon(day + timedelta(days=1), timezone)
    return Night(day, timezone, start, end)


def date_of(at: float, timezone: str) -> date:
    """The date of the night that holds a moment: before noon it is yesterday's."""
    civil = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(timezone))
    return civil.date() if civil.hour >= _NOON else civil.date() - timedelta(days=1)


def parse_date(text: str) -> date | None:
    """``2027-01-15`` as a date whose neighbours exist too; None for anything else."""
    if not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 < day.year < 9999 else None


def _noon(day: date, timezone: str) -> float:
    return datetime(day.year, day.month, day.day, _NOON, tzinfo=ZoneInfo(timezone)).timestamp()
