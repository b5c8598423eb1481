"""When a ranger saw something: now, some minutes ago, or at a time of day. Pure: the caller brings the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

OLDEST_S = 24 * 3600.0
"""A sighting older than a day is a story, not a log entry."""
AHEAD_S = 60.0
"""How far a telephone's clock may run ahead."""

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


class BadMoment(ValueError):
    """A moment that cannot be used; ``field`` names what to correct."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class When:
    """What the form says about the moment. ``at`` is a moment already worked out before the form came back."""

    choice: str
    minutes: str = ""
    clock: str = ""
    at: str = ""


def when_seen(when: When, now: float, timezone: str) -> float:
    """The moment meant, in seconds. Raises :class:`BadMoment`.

    1. ``now``: the moment at which the form arrived.
    2. ``minutes``: so many minutes before that.
    3. ``clock``: the latest such time of day at the campsite that is not in the future; an hour that comes twice (the
       clocks go back) means its later pass, and an hour that never comes is read as the clocks show it afterwards.
    4. ``at``: seconds since 1970, kept through a login.
    """
    if when.choice == "now":
        return now
    if when.choice == "minutes":
        return now - 60.0 * _minutes(when.minutes)
    if when.choice == "clock":
        return _clock(when.clock, now, timezone)
    if when.choice == "at":
        return _kept(when.at, now)
    raise BadMoment("when", "Say when you saw it: now, some minutes ago, or at a time.")


def check(at: float, now: float) -> float:
    """``at`` itself if a sighting may carry it; raises :class:`BadMoment` for the future and the long past."""
    if not now - OLDEST_S <= at <= now + AHEAD_S:
        raise BadMoment("when", "The time must lie within the last 24 hours.")
    return min(at, now)


def _minutes(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text.strip()) or not 0 <= int(text) <= OLDEST_S // 60:
        raise BadMoment("minutes", "Write how many minutes ago, a whole number from 0 to 1440.")
    return int(text)


def _clock(text: str, now: float, timezone: str) -> float:
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        raise BadMoment("clock", "Write the time of day as 23:40.")
    hour, minute, second = (int(part or 0) for part in match.groups())
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    moments = [
        datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone, fold=fold).timestamp()
        for day in (today, today - timedelta(days=1))
        for fold in (0, 1)
    ]
    return check(max(moment for moment in moments if moment <= now + AHEAD_S), now)


def _kept(text: str, now: float) -> float:
    try:
        at = float(text)
    except ValueError:
        at = float("nan")
    return check(at, now)
