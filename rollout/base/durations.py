"""Durations as people mean them, and how they become moments.

"1d" is the same wall clock on the next day, which is 23 or 25 hours later when the clocks change; "24h" is 24 hours.
A deadline is resolved to UTC once, when a stage starts, and stored with the version of the time zone data: what a
government decides afterwards moves no deadline that is running.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import PlainSerializer, PlainValidator

from core.clock import civil

_PARTS: Final = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_HOW: Final = "write a duration such as 30s, 5m, 24h, 1d or 2w"


@dataclass(frozen=True, slots=True)
class Duration:
    """So many days of the calendar, then so many seconds of the clock."""

    days: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Duration:
        """From ``1d``, ``24h``, ``1d12h``; raises ValueError with what to write."""
        match = _PARTS.fullmatch(text.strip())
        if match is None or not text.strip():
            raise ValueError(f"{text!r} is no duration; {_HOW}")
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return cls(weeks * 7 + days, hours * 3600 + minutes * 60 + seconds)

    @property
    def nominal_s(self) -> float:
        """Its length when no clock is changed."""
        return self.days * 86400.0 + self.seconds

    def after(self, at: float, timezone: str) -> float:
        """The moment this long after ``at``: first the days on the wall clock of ``timezone``, then the seconds.

        A wall-clock time that does not exist (02:30 when it springs from 02:00 to 03:00) becomes as much later
        (03:30); of one that exists twice, the first is meant.
        """
        if not self.days:
            return at + self.seconds
        local = civil(at, timezone).replace(tzinfo=None) + timedelta(days=self.days)
        return _utc(local, timezone) + self.seconds

    def before(self, at: float, timezone: str) -> float:
        """The moment this long before ``at``, by the same rules."""
        if not self.days:
            return at - self.seconds
        local = civil(at - self.seconds, timezone).replace(tzinfo=None) - timedelta(days=self.days)
        return _utc(local, timezone)

    def __str__(self) -> str:
        parts = [
            (self.days, "d"),
            (self.seconds // 3600, "h"),
            (self.seconds % 3600 // 60, "m"),
            (self.seconds % 60, "s"),
        ]
        return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def _duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, bool) or not isinstance(value, str):
        raise ValueError(f"not a duration; {_HOW}")
    return Duration.parse(value)


CivilDuration = Annotated[Duration, PlainValidator(_duration), PlainSerializer(str, return_type=str)]
"""A duration in a configuration file."""


def last_local_time(at: float, clock: time, timezone: str) -> float:
    """The last moment not after ``at`` when the clocks of ``timezone`` show ``clock``."""
    day = civil(at, timezone).date()
    for back in range(3):
        moment = _utc(datetime.combine(day - timedelta(days=back), clock), timezone)
        if moment <= at:
            return moment
    raise ValueError(f"no {clock} before {at} in {timezone}")  # pragma: no cover - three days hold every clock time


@cache
def tzdata_version() -> str:
    """The version of the time zone data in use, as 2026a."""
    for folder in zoneinfo.TZPATH:
        for name in ("tzdata.zi", "+VERSION"):
            version = _first_version(Path(folder) / name)
            if version:
                return version
    try:
        return metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return "unknown"


def _first_version(file: Path) -> str | None:
    try:
        with file.open(encoding="utf-8") as lines:
            match = re.search(r"\d{4}[a-z]+", lines.readline())
    except (OSError, UnicodeDecodeError):
        return None
    return match.group() if match else None


def _utc(local: datetime, timezone: str) -> float:
    # fold=0: of two moments the first; in a gap the offset from before it, which lands as much behind the gap.
    return local.replace(tzinfo=ZoneInfo(timezone), fold=0).astimezone(UTC).timestamp()
