"""What surrounds the data of a chart: the frame, grid lines with their names, lines to compare with, the legend."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log10
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.scale import MOST, Scale
from core.charts.svg import Point, number, path, text

WIDE: Final = 460.0
"""How wide a chart is in its own units: on a telephone its letters of 15 are then still 12 pixels high."""
EDGE: Final = 16.0
LINE: Final = 18.0
"""From one line of text to the next."""
_LETTER: Final = 8.6
"""How wide a letter is at most, on average."""
_MILLION: Final = 1e6
"""From here on a power of ten is told by its exponent."""
_RAISED: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SAMPLE: Final = 28.0

Name = Callable[[float], str]
"""How a value of an axis is told."""


def plainly(value: float) -> str:
    """A number as it is, with three digits."""
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(value: float) -> str:
    """A share from 0 to 1 as per cent."""
    return f"{100 * value:.3g}%"


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale, how its values are told, and in how many steps; or ticks with names where round ones would be wrong."""

    scale: Scale
    name: Name = plainly
    chosen: Sequence[tuple[float, str]] | None = None
    most: int = MOST

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Values and their names."""
        if self.chosen is not None:
            return list(self.chosen)
        return [(tick, self._name(tick)) for tick in self.scale.ticks(self.most)]

    def _name(self, tick: float) -> str:
        if self.scale.log and tick >= _MILLION:
            return f"10{f'{log10(tick):.0f}'.translate(_RAISED)}"
        return self.name(tick)


SHARES: Final = Axis(Scale(0.0, 1.0), percent)


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A line to compare with, across the whole chart."""

    value: float
    name: str = ""
    kind: str = "plot-limit"


@dataclass(frozen=True, slots=True)
class PlotArea:
    """The field that is drawn on."""

    left: float
    right: float
    top: float
    bottom: float
    across: Scale = field(default_factory=lambda: Scale(0.0, 1.0))
    up: Scale = field(default_factory=lambda: Scale(0.0, 1.0))

    def x(self, value: float) -> float:
        """Where a value lies, from left to right."""
        return self.left + (self.right - self.left) * self.across.share(value)

    def y(self, value: float) -> float:
        """Where a value lies; larger ones are further up."""
        return self.bottom - (self.bottom - self.top) * self.up.share(value)

    def at(self, point: Point) -> Point:
        """Where a point lies."""
        return self.x(point[0]), self.y(point[1])


def margin(names: Iterable[str]) -> float:
    """Room for the longest of these names beside a chart."""
    return 12.0 + width(max(names, key=len, default=""))


def width(said: str) -> float:
    """About how wide a text is."""
    return _LETTER * len(said)


def grid_across(frame: PlotArea, axis: Axis, names_y: float, lines: bool = True) -> Iterator[Element]:
    """A line from top to bottom for each tick. A name that would touch the one before it is left out."""
    free = float("-inf")
    for value, said in axis.ticks:
        x, half = frame.x(value), width(said) / 2
        if lines:
            yield upright("plot-grid", frame, value)
        anchor = "start" if x - half < 0 else "end" if x + half > frame.right + EDGE else "middle"
        begin = {"start": x, "middle": x - half, "end": x - 2 * half}[anchor]
        if begin > free:
            yield text("plot-tick", x, names_y, said, anchor)
            free = begin + 2 * half + _LETTER


def grid_up(frame: PlotArea, axis: Axis) -> Iterator[Element]:
    """A line from side to side for each tick, and its name on the left."""
    for value, said in axis.ticks:
        y = frame.y(value)
        yield level("plot-grid", frame, y)
        yield text("plot-tick", frame.left - 6, y + 4, said, "end")


def level(kind: str, frame: PlotArea, y: float) -> Element:
    """A line from side to side."""
    return path(kind, f"M{number(frame.left)} {number(y)}H{number(frame.right)}")


def upright(kind: str, frame: PlotArea, value: float) -> Element:
    """A line from top to bottom."""
    return path(kind, f"M{number(frame.x(value))} {number(frame.top)}V{number(frame.bottom)}")


def limits_up(frame: PlotArea, limits: Iterable[LimitLine]) -> Iterator[Element]:
    """Levels to compare with, named above their right ends, or below where there is no room above."""
    for limit in limits:
        y = frame.y(limit.value)
        yield level(limit.kind, frame, y)
        if limit.name:
            yield text("plot-tick", frame.right, y + 14 if y - 14 < frame.top else y - 4, limit.name, "end")


def legend(
    names: dict[str, str], wide: float, sample: Callable[[str, float, float], Element]
) -> tuple[list[Element], float]:
    """Names of kinds, as many a line as there is room for, and how high that is. One alone needs none.

    ``sample`` draws what a kind looks like, :data:`SAMPLE` wide, from a place on.
    """
    if len(names) < 2:
        return [], 0.0
    parts, x, y = [], 0.0, LINE / 2
    for kind, name in names.items():
        room = SAMPLE + 6 + width(name) + 14
        if x and x + room > wide:
            x, y = 0.0, y + LINE
        parts += [sample(kind, x, y), text("plot-label", x + SAMPLE + 6, y + 5, name)]
        x += room
    return parts, y + LINE / 2 + 6
