"""From which day to which day: days as people at the campsites count them, resolved to seconds once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from core.clock import civil

LONGEST_DAYS: Final = 3660


class BadPeriod(ValueError):
    """A period that cannot be reported on; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Period:
    """From midnight of ``first`` to midnight after ``last``, or to ``end`` if that is earlier: now."""

    first: date
    last: date
    timezone: str
    start: float
    end: float
    running: bool
    """Whether its last day is not over yet."""

    @property
    def days(self) -> float:
        """How long it is, in days of 24 hours."""
        return (self.end - self.start) / 86400.0

    @property
    def words(self) -> str:
        """For people."""
        if self.first == self.last:
            return f"{self.first:%A %-d %B %Y}" + (", so far" if self.running else "")
        return f"{self.first:%-d %b %Y} to {self.last:%-d %b %Y}" + (", so far" if self.running else "")


def today(now: float, timezone: str) -> date:
    """The date on the campsite's calendar."""
    return civil(now, timezone).date()


def period(first: date, last: date, timezone: str, now: float) -> Period:
    """A period of whole days. Raises :class:`BadPeriod`."""
    if last < first:
        raise BadPeriod(f"the last day ({last}) lies before the first ({first}): exchange them")
    if (last - first).days >= LONGEST_DAYS:
        raise BadPeriod(f"{(last - first).days + 1} days are too many: ask for at most {LONGEST_DAYS}")
    start, over = midnight(first, timezone), midnight(last + timedelta(days=1), timezone)
    if start >= now:
        raise BadPeriod(f"{first} has not begun yet: the newest day is {today(now, timezone)}")
    return Period(first, last, timezone, start, min(over, now), over > now)


def parse_day(text: str) -> date:
    """``2027-01-15`` as a date. Raises :class:`BadPeriod`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if len(text) != 10 or not 1970 < day.year < 9999:
        raise BadPeriod(f"{text!r} is no date: write it as 2027-01-15")
    return day


def midnight(day: date, timezone: str) -> float:
    """When a day begins, in UTC seconds. Where the clocks change at midnight it is the first moment that exists."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).timestamp()
