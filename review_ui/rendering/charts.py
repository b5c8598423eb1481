"""Charts as SVG, made on the server: readable without scripts, coloured by the page's own style sheets.

Everything that comes from data is escaped; classes and numbers come from here. A chart never stands alone: the page
says the same in words or in a table beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

STRIP_HEIGHT: Final = 40
"""Strips are stretched to the page's width, so that a strip holds no text and no circles."""
_SMALLEST: Final = 3.0
"""Marks are never narrower, in thousandths of the width: a bear of two seconds must be seen in a night."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle on a strip from ``x0`` to ``x1`` of 1000, ``top`` to ``bottom`` of 40. With ``href``, a link."""

    x0: float
    x1: float
    kind: str
    title: str = ""
    top: int = 0
    bottom: int = STRIP_HEIGHT
    href: str | None = None


def strip(marks: Iterable[Mark], cursor: float | None = None) -> Markup:
    """A strip of time, 1000 wide, to be stretched. It is decoration: what it shows is also said in words."""
    drawn = [_mark(mark) for mark in marks]
    if cursor is not None:
        drawn.append(Markup('<path class="cursor" d="M{:.1f} 0V{}"/>').format(cursor, STRIP_HEIGHT))
    head = Markup('<svg class="strip-chart" viewBox="0 0 1000 {}" preserveAspectRatio="none" aria-hidden="true">')
    return head.format(STRIP_HEIGHT) + Markup("").join(drawn) + Markup("</svg>")


def _mark(mark: Mark) -> Markup:
    width = max(_SMALLEST, mark.x1 - mark.x0)
    title = Markup("<title>{}</title>").format(mark.title) if mark.title else Markup("")
    rectangle = Markup('<rect class="mark-{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}">{}</rect>').format(
        mark.kind, min(mark.x0, 1000.0 - width), mark.top, width, mark.bottom - mark.top, title
    )
    if mark.href is None:
        return rectangle
    return Markup('<a href="{}" tabindex="-1">{}</a>').format(mark.href, rectangle)


@dataclass(frozen=True, slots=True)
class Whisker:
    """A share with its interval, all from 0 to 1."""

    value: float
    low: float
    high: float
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class WhiskerRow:
    """One line of a whisker chart."""

    label: str
    whiskers: Sequence[Whisker]


_LABEL_PX, _PLOT_PX, _LINE_PX, _ROW_PX, _HEAD_PX = 150, 420, 16, 14, 26


def whiskers(title: str, rows: Sequence[WhiskerRow]) -> Markup:
    """Shares with their intervals, row by row, several beside one another in each."""
    body, y = Markup(""), float(_HEAD_PX)
    for row in rows:
        y += _ROW_PX
        body += Markup('<text x="0" y="{:.0f}" class="chart-label">{}</text>').format(
            y + _LINE_PX * (len(row.whiskers) - 1) / 2 + 4, row.label
        )
        for whisker in row.whiskers:
            body += _whisker(whisker, y)
            y += _LINE_PX
    high, wide = y + 4, _LABEL_PX + _PLOT_PX + 10
    head = Markup('<svg class="chart" viewBox="0 0 {} {:.0f}" role="img" aria-label="{}">').format(wide, high, title)
    return head + _scale(high) + body + Markup("</svg>")


def _whisker(whisker: Whisker, y: float) -> Markup:
    return Markup(
        '<g class="whisker {}"><title>{}: {:.2f} ({:.2f} to {:.2f})</title><path d="M{:.1f} {:.1f}H{:.1f}"/>'
        '<circle cx="{:.1f}" cy="{:.1f}" r="4.5"/></g>'
    ).format(
        whisker.kind, whisker.name, whisker.value, whisker.low, whisker.high, _across(whisker.low), y,
        _across(whisker.high), _across(whisker.value), y,
    )  # fmt: skip


def _scale(high: float) -> Markup:
    lines = Markup("")
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _across(tick)
        lines += Markup(
            '<path class="grid" d="M{0:.1f} 20V{1:.0f}"/><text class="tick" x="{0:.1f}" y="14">{2:.0%}</text>'
        ).format(x, high, tick)
    return lines


def _across(share: float) -> float:
    return _LABEL_PX + _PLOT_PX * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points with both coordinates from 0 to 1."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


_SIDE, _LEFT, _TOP = 260, 40, 10


def square(title: str, across: str, up: str, lines: Sequence[Line], diagonal: bool = False) -> Markup:
    """Lines over the unit square, as for precision over recall; ``diagonal`` draws where a calibrated model lies."""
    body = Markup("").join(_square_tick(tick) for tick in (0.0, 0.25, 0.5, 0.75, 1.0))
    if diagonal:
        body += Markup('<path class="grid" d="M{} {}L{} {}"/>').format(_LEFT, _TOP + _SIDE, _LEFT + _SIDE, _TOP)
    for line in lines:
        steps = "L".join(f"{_LEFT + _SIDE * x:.1f} {_TOP + _SIDE * (1 - y):.1f}" for x, y in line.points)
        if steps:
            body += Markup('<path class="line {}" d="M{}"><title>{}</title></path>').format(line.kind, steps, line.name)
    body += Markup('<text class="tick" x="{:.0f}" y="{}">{}</text>').format(
        _LEFT + _SIDE / 2, _TOP + _SIDE + 32, across
    )
    middle = _TOP + _SIDE / 2
    body += Markup('<text class="tick" transform="translate(10 {:.0f}) rotate(-90)">{}</text>').format(middle, up)
    head = Markup('<svg class="chart square" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return head.format(_LEFT + _SIDE + 16, _TOP + _SIDE + 40, title) + body + Markup("</svg>")


def _square_tick(tick: float) -> Markup:
    x, y = _LEFT + _SIDE * tick, _TOP + _SIDE * (1 - tick)
    return Markup(
        '<path class="grid" d="M{0:.1f} {2}V{3}M{4} {1:.1f}H{5}"/><text class="tick" x="{0:.1f}" y="{6}">{7:g}</text>'
    ).format(x, y, _TOP, _TOP + _SIDE, _LEFT, _LEFT + _SIDE, _TOP + _SIDE + 16, tick)
