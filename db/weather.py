"""Weather observations: what is wrong with one, and how they are written down and found again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.ledger import record
from db.models import Weather

OLDEST_S: Final = 10 * 366 * 86400.0
EARLY_S: Final = 600.0
"""How far in the future an observation may lie: clocks differ. A forecast is not an observation."""
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "temperature_c": (-90.0, 60.0),
    "rain_mm": (0.0, 500.0),
    "wind_ms": (0.0, 120.0),
}
"""Anything beyond is a slip of the pen, or another unit."""
LONGEST_SKY: Final = 60
LONGEST_SOURCE: Final = 80


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation: of a campsite, or of a whole region. ``rain_mm`` fell in the hour before ``at``."""

    at: float
    source: str
    campsite: str | None = None
    region: str | None = None
    temperature_c: float | None = None
    rain_mm: float | None = None
    wind_ms: float | None = None
    sky: str = ""

    @property
    def place(self) -> str:
        """As it is kept."""
        return f"campsite:{self.campsite}" if self.campsite else f"region:{self.region}"

    def problem(self, now: float) -> str | None:
        """What is wrong with it, in words; None when nothing is. Whether the place exists is another question."""
        if (self.campsite is None) == (self.region is None):
            return "name a campsite or a region, one of them"
        if not math.isfinite(self.at) or not now - OLDEST_S <= self.at <= now + EARLY_S:
            return "the time must be one of the last ten years and not in the future; write it with its time zone"
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                return f"{name} must be from {least:g} to {most:g}; is it in another unit?"
        if not self.sky and all(getattr(self, name) is None for name in RANGES):
            return "it says nothing: give a temperature, rain, wind or words for the sky"
        if len(self.sky) > LONGEST_SKY or not 0 < len(self.source) <= LONGEST_SOURCE:
            return f"the source needs 1 to {LONGEST_SOURCE} characters, the sky at most {LONGEST_SKY}"
        return None


@dataclass(frozen=True, slots=True)
class StoredWeather:
    """How many observations were new, and how many took the place of one from the same source and moment."""

    new: int
    replaced: int


def store(session: Session, observations: Sequence[Observation], by: int | None, now: float) -> StoredWeather:
    """Write observations down, all of them; the caller has checked them. The ledger says how many, and of where."""
    last = {(each.place, each.at, each.source): each for each in observations}
    new = 0
    for (place, at, source), each in last.items():
        row = session.scalar(select(Weather).where(Weather.place == place, Weather.at == at, Weather.source == source))
        if row is None:
            row = Weather(place=place, at=at, source=source)
            session.add(row)
            new += 1
        row.temperature_c, row.rain_mm, row.wind_ms, row.sky = (
            each.temperature_c, each.rain_mm, each.wind_ms, each.sky,
        )  # fmt: skip
        row.entered_at, row.entered_by = now, by
    stored = StoredWeather(new, len(last) - new)
    sources = sorted({each.source for each in observations})
    body = {"new": stored.new, "replaced": stored.replaced, "sources": sources[:20]}
    for place in sorted({each.place for each in observations}):
        actor = "command line" if by is None else f"user:{by}"
        kind, _, key = place.partition(":")
        where = key if kind == "campsite" else None
        record(session, at=now, kind="weather.stored", subject=place, actor=actor, campsite=where, body=body)
    return stored


def between(
    session: Session, campsites: Iterable[str], region: str, start: float, end: float
) -> dict[str, tuple[Weather, ...]]:
    """The observations of each campsite of a span, in order; the region's where it has none of its own."""
    names = {f"campsite:{campsite}": campsite for campsite in campsites}
    whole = f"region:{region}"
    query = select(Weather).where(Weather.place.in_([*names, whole]), Weather.at >= start, Weather.at < end)
    found: dict[str, list[Weather]] = {}
    for row in session.scalars(query.order_by(Weather.at, Weather.id)):
        found.setdefault(row.place, []).append(row)
    return {campsite: tuple(found.get(place, found.get(whole, []))) for place, campsite in names.items()}
