"""From values to places: linear and logarithmic scales, and the one rule by which they get their ticks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, isnan, log10
from typing import Final, Self
from zoneinfo import ZoneInfo

MOST: Final = 4
"""So many steps a scale has at most; a tick stands at both ends of each."""
LARGEST: Final = 1e12
"""Where scales end, whatever the values: an e-value may be infinite."""
_ROUND: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TWO_DAYS_S: Final = 2 * 86400.0


@dataclass(frozen=True, slots=True)
class Scale:
    """From ``low`` to ``high``; ``log``: by powers of ten, and ``low`` is above 0. Values beyond an end lie on it."""

    low: float
    high: float
    log: bool = False

    @classmethod
    def of(cls, values: Iterable[float], log: bool = False, most: int = MOST) -> Self:
        """A scale with round ends that holds 0 and all values; a logarithmic one holds 0.1 and 10."""
        kept = [_within(value) for value in values if not isnan(value)]
        if log:
            return cls(max(1e-6, min([0.1, *(value for value in kept if value > 0)])), max([10.0, *kept]), log=True)
        low, high = min([0.0, *kept]), max([0.0, *kept])
        high = high if high - low > 1e-9 else low + 1.0
        step = _step(low, high, most)
        return cls(floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step)

    @classmethod
    def around(cls, values: Iterable[float], room: float, log: bool = False) -> Self:
        """A scale just as far as the values reach, and ``room`` of that beyond on either side."""
        found = [log10(max(1e-6, _within(value))) if log else _within(value) for value in values if not isnan(value)]
        low, high = min(found), max(found)
        more = room * (high - low) or 0.5
        low, high = low - more, high + more
        return cls(10.0**low, 10.0**high, log=True) if log else cls(low, high)

    def share(self, value: float) -> float:
        """Where a value lies: from 0 at the low end to 1 at the high end."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = log10(low), log10(high), log10(value)
        return (value - low) / (high - low) if high > low else 1.0

    def ticks(self, most: int = MOST) -> list[float]:
        """Round values from end to end: multiples of 1, 2, 2.5 or 5 times a power of ten, or powers of ten."""
        if self.log:
            powers = range(ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9) + 1)
            every = ceil(len(powers) / (most + 1))
            return [10.0**power for power in powers if power % max(1, every) == 0]
        step = _step(self.low, self.high, most)
        return [n * step for n in range(ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9) + 1)]


def time_ticks(start: float, end: float, timezone: str) -> list[tuple[float, str]]:
    """Moments on the wall's clock with their names: every six hours of up to two days, else some seven midnights."""
    days = end - start > _TWO_DAYS_S
    hour = datetime.fromtimestamp(start, UTC).astimezone(ZoneInfo(timezone)).replace(minute=0, second=0, microsecond=0)
    every = timedelta(days=max(1, round((end - start) / 86400 / 6))) if days else timedelta(hours=6)
    if days:
        hour = hour.replace(hour=0)
    found: list[tuple[float, str]] = []
    while hour.timestamp() <= end + 1:
        if hour.timestamp() >= start - 1:
            found.append((hour.timestamp(), f"{hour:%-d %b}" if days else f"{hour:%H:%M}"))
        hour += every  # on the wall's clock: a zone's own arithmetic
    return found


def _step(low: float, high: float, most: int) -> float:
    """The smallest round step that needs no more than ``most`` from end to end."""
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    return next(part * power for part in _ROUND if part * power >= raw * (1 - 1e-9))


def _within(value: float) -> float:
    return min(LARGEST, max(-LARGEST, value))
