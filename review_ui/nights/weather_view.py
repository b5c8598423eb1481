"""The weather of a night, beside its timeline: in words, and as icons, degrees and bars of rain. Nothing is guessed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.strip import along
from core.charts.svg import Svg, element, finished, titled
from core.clock import civil
from core.night_span import Night
from db.models import Weather

SLOT_S: Final = 3 * 3600.0
"""One icon for each three hours: as many as fit on a phone."""
RAIN_FULL_MM: Final = 8.0
"""An hour of this much rain is a full bar: heavy rain."""
_HEIGHT, _RAIN_TOP = 58, 38
_CLOUD: Final = "a4 4 0 0 1 7.6-1.8A3.5 3.5 0 0 1 "
_ICONS: Final[tuple[tuple[tuple[str, ...], str, str], ...]] = (
    (
        ("storm", "thunder"),
        "storm",
        f"M5 9{_CLOUD}14.5 14H6a3 3 0 0 1-1-5zM10 14l-2.5 4h2.5l-1 3 4-5h-2.5l1.5-2z",
    ),
    (
        ("snow", "sleet", "hail"),
        "snow",
        "M9.3 2h1.4v5.3l4.6-2.7.7 1.2L11.4 8.5l4.6 2.7-.7 1.2-4.6-2.7V15H9.3V9.7"
        "l-4.6 2.7-.7-1.2 4.6-2.7L4 5.8l.7-1.2 4.6 2.7z",
    ),
    (
        ("rain", "drizzle", "shower"),
        "rain",
        f"M5 8{_CLOUD}14.5 13H6a3 3 0 0 1-1-5z"
        "M6 15l-1.2 4 1.4.4L7.4 15zm4 0-1.2 4 1.4.4L11.4 15zm4 0-1.2 4 1.4.4L15.4 15z",
    ),
    (("fog", "mist", "haze", "smoke"), "fog", "M3 5h14v1.8H3zm2 4h12v1.8H5zm-2 4h14v1.8H3z"),
    (("cloud", "overcast"), "cloud", f"M5 9{_CLOUD}14.5 15H6a3 3 0 0 1-1-6z"),
    (("clear", "fair", "sun"), "clear", "M13.5 13.5A6.5 6.5 0 1 1 9 3a5 5 0 0 0 4.5 10.5z"),
)
"""Words of a source, the icon's name, and its shape on a field of 20 by 20. A night's clear sky is a moon."""


@dataclass(frozen=True, slots=True)
class WeatherRow:
    """One campsite's weather. ``own``: measured there, not somewhere in its region."""

    words: str
    sources: str
    own: bool
    band: Svg


def weather_row(night: Night, found: Sequence[Weather]) -> WeatherRow | None:
    """The row; None when nobody has told of any weather in this night."""
    if not found:
        return None
    words = in_words(found, night.timezone)
    sources = ", ".join(sorted({each.source for each in found}))
    return WeatherRow(words, sources, found[0].place.startswith("campsite:"), _band(night, found, words))


def in_words(found: Sequence[Weather], timezone: str) -> str:
    """``2 to 9 °C, 4.2 mm of rain, wind up to 5 m/s, fog from 02:00 to 05:00``; only what was measured."""
    parts = []
    degrees = [round(each.temperature_c) for each in found if each.temperature_c is not None]
    if degrees:
        low, high = min(degrees), max(degrees)
        parts.append(f"{_signed(low)} °C" if low == high else f"{_signed(low)} to {_signed(high)} °C")
    rain = _rain_by_hour(found)
    if rain:
        fallen = sum(rain.values())
        parts.append(f"{fallen:.1f} mm of rain" if fallen >= 0.05 else "no rain")
    wind = [each.wind_ms for each in found if each.wind_ms is not None]
    if wind:
        parts.append(f"wind up to {max(wind):.0f} m/s")
    skies = Counter(each.sky for each in found if each.sky)
    for sky, _ in skies.most_common(3):
        times = [each.at for each in found if each.sky == sky]
        first, last = f"{civil(times[0], timezone):%H:%M}", f"{civil(times[-1], timezone):%H:%M}"
        parts.append(f"{sky} at {first}" if first == last else f"{sky} between {first} and {last}")
    return ", ".join(parts)


def _rain_by_hour(found: Sequence[Weather]) -> dict[int, float]:
    """Each hour once, as its wettest observation says: stations tell more often than that, and there may be several."""
    hours: dict[int, float] = {}
    for each in found:
        if each.rain_mm is not None:
            hour = math.ceil(each.at / 3600)
            hours[hour] = max(hours.get(hour, 0.0), each.rain_mm)
    return hours


def icon(sky: str) -> tuple[str, str] | None:
    """The icon's name and shape for a source's words; None for words that say nothing to us."""
    said = sky.lower()
    return next(((name, shape) for words, name, shape in _ICONS if any(word in said for word in words)), None)


def _band(night: Night, found: Sequence[Weather], words: str) -> Svg:
    """Icons and degrees every three hours, rain as bars under them; stretched in width, not in height."""
    parts = [*(_rain(night, each) for each in found if each.rain_mm), *(_slot(night, e) for e in _chosen(night, found))]
    band = element("svg", "weather-chart", *parts, height=_HEIGHT, role="img", aria_label=f"Weather: {words}")
    return finished(band)


def _rain(night: Night, each: Weather) -> Element:
    amount = min(1.0, (each.rain_mm or 0.0) / RAIN_FULL_MM)
    height = max(2.0, amount * (_HEIGHT - _RAIN_TOP))
    left, right = night.x(each.at - 3600.0), night.x(each.at)
    title = titled(f"{each.rain_mm:.1f} mm in the hour before {_clock(night, each)}")
    width = along(max(3.0, right - left))
    return element("rect", "rain", *title, x=along(left), y=_HEIGHT - height, width=width, height=height)


def _slot(night: Night, each: Weather) -> Element:
    drawn = icon(each.sky)
    shape = [element("path", f"wx wx-{drawn[0]}", transform="translate(-10 0)", d=drawn[1])] if drawn else []
    text = "" if each.temperature_c is None else f"{_signed(round(each.temperature_c))}°"
    title = titled(f"{_clock(night, each)}: {in_words((each,), night.timezone)}")
    return element(
        "svg", "", *title, *shape, element("text", said=text, y=34), x=along(night.x(each.at)), overflow="visible"
    )


def _chosen(night: Night, found: Sequence[Weather]) -> list[Weather]:
    """For each three hours the observation nearest to their middle, if it has anything to draw."""
    chosen: dict[int, Weather] = {}
    for each in found:
        if each.temperature_c is None and icon(each.sky) is None:
            continue
        slot = int((each.at - night.start) // SLOT_S)
        middle = night.start + (slot + 0.5) * SLOT_S
        if slot not in chosen or abs(each.at - middle) < abs(chosen[slot].at - middle):
            chosen[slot] = each
    return list(chosen.values())


def _clock(night: Night, each: Weather) -> str:
    return f"{civil(each.at, night.timezone):%H:%M}"


def _signed(degrees: int) -> str:
    return f"\N{MINUS SIGN}{-degrees}" if degrees < 0 else f"{degrees}"
