"""Strips: rectangles side by side, stretched to the width of their place; therefore they hold no text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.svg import Svg, element, finished, number, path, rect, stretched

WIDE: Final = 1000.0
HIGH: Final = 40.0
SMALLEST: Final = 3.0
"""Of a night, marks are never narrower: a bear of two seconds must be seen in it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle from ``start`` to ``end`` of :data:`WIDE`, ``top`` to ``bottom``. With ``href``, a link."""

    start: float
    end: float
    kind: str
    title: str = ""
    top: float = 0.0
    bottom: float = HIGH
    href: str | None = None


def strip(
    marks: Iterable[Mark],
    rule: float | None = None,
    kind: str = "strip-chart",
    rule_kind: str = "cursor",
    high: float = HIGH,
    smallest: float = SMALLEST,
) -> Svg:
    """Marks over one another in their order, and ``rule`` as a line across them all. What it shows is said in words."""
    drawn = [_mark(mark, smallest) for mark in marks]
    if rule is not None:
        drawn.append(path(rule_kind, f"M{number(rule)} 0V{number(high)}"))
    return stretched(kind, WIDE, high, drawn)


def ruler(ticks: Iterable[tuple[float, str]]) -> Svg:
    """Names over strips, each with its place. It is not stretched: letters keep their shape."""
    return finished(element("svg", "", *(element("text", said=said, x=along(x), y=15) for x, said in ticks),
                            aria_hidden="true"))  # fmt: skip


def along(place: float) -> str:
    """A place of :data:`WIDE` (or a width) in a picture that is as wide as its surroundings: ``12.50%``."""
    return f"{100 * place / WIDE:.2f}%"


def _mark(mark: Mark, smallest: float) -> Element:
    width = max(smallest, mark.end - mark.start)
    drawn = rect(mark.kind, min(mark.start, WIDE - width), mark.top, width, mark.bottom - mark.top, mark.title)
    return drawn if mark.href is None else element("a", "", drawn, href=mark.href, tabindex="-1")
