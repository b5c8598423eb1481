"""Rows: named values under one another on one scale, as points with their intervals or as bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.axes import (
    EDGE,
    LINE,
    SAMPLE,
    WIDE,
    Axis,
    LimitLine,
    Name,
    PlotArea,
    grid_across,
    legend,
    margin,
    upright,
    width,
)
from core.charts.svg import Svg, circle, group, number, path, picture, rect, text

_MARK: Final = 15.0
_LONGEST: Final = 44
"""So many letters of a label have room beside what is said."""


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """A value with its interval; a side that has no bound is None."""

    value: float
    low: float | None = None
    high: float | None = None
    name: str = ""
    kind: str = "plot-main"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from the low end of the scale to a value; ``said`` stands at its end."""

    value: float
    said: str = ""
    name: str = ""
    kind: str = "plot-main"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text with marks under it; ``said`` stands on the right."""

    label: str
    marks: Sequence[IntervalRow | Bar]
    said: str = ""


def row_chart(
    title: str,
    rows: Sequence[Row],
    across: Axis,
    limits: Sequence[LimitLine] = (),
    wide: float = WIDE,
    alone: bool = False,
) -> Svg:
    """Rows from top to bottom, the scale above them, and a legend where marks of several names stand in the rows."""
    marks = [mark for row in rows for mark in row.marks]
    names = {mark.kind: mark.name for mark in marks if mark.name}
    bars = [mark for mark in marks if isinstance(mark, Bar)]
    parts, top = legend(names, wide, _bar_sample if bars else _interval_sample)
    top += LINE + 12
    bottom = top + sum(map(_high, rows))
    ends = [bar.said for bar in bars if bar.said]
    frame = PlotArea(EDGE, wide - (margin(ends) if ends else EDGE), top, bottom, across.scale)
    parts += grid_across(frame, across, top - 8)
    for limit in limits:
        x, said = frame.x(limit.value), limit.name
        parts.append(upright(limit.kind, frame, limit.value))
        parts.append(text("plot-tick", max(0.0, x - width(said) / 2), bottom + LINE - 2, said))
    y = top
    for row in rows:
        parts += _row(row, y, frame, wide)
        y += _high(row)
    return picture("plot", wide, bottom + (LINE + 6 if limits else 8), parts, title,
                   "; ".join(_told(row, across.name) for row in rows), alone)  # fmt: skip


def _high(row: Row) -> float:
    return LINE + 4 + _MARK * max(1, len(row.marks)) + 6


def _row(row: Row, top: float, frame: PlotArea, wide: float) -> Iterator[Element]:
    yield text("plot-label", 0, top + LINE - 2, _short(row.label, row.said))
    if row.said:
        yield text("plot-value", wide, top + LINE - 2, row.said, "end")
    for place, mark in enumerate(row.marks):
        y = top + LINE + 4 + _MARK * (place + 0.5)
        yield _bar(mark, y, frame) if isinstance(mark, Bar) else _interval(mark, y, frame)


def _interval(mark: IntervalRow, y: float, frame: PlotArea) -> Element:
    x = frame.x(mark.value)
    low, high = (x if end is None else frame.x(end) for end in (mark.low, mark.high))
    return _spot(mark.kind, low, x, high, y, mark.name)


def _spot(kind: str, low: float, x: float, high: float, y: float, title: str = "") -> Element:
    stroke = [path("plot-interval", f"M{number(low)} {number(y)}H{number(high)}")] if high > low else []
    return group(f"plot-spot {kind}", *stroke, circle("", x, y, 5), title=title)


def _interval_sample(kind: str, x: float, y: float) -> Element:
    return _spot(kind, x, x + SAMPLE / 2, x + SAMPLE, y)


def _bar(mark: Bar, y: float, frame: PlotArea) -> Element:
    end = max(frame.left + 1, frame.x(mark.value))
    said = [text("plot-tick", end + 6, y + 4, mark.said)] if mark.said else []
    return group(f"plot-bar {mark.kind}", _filled(frame.left, end, y), *said, title=mark.name)


def _bar_sample(kind: str, x: float, y: float) -> Element:
    return group(f"plot-bar {kind}", _filled(x, x + SAMPLE, y))


def _filled(start: float, end: float, y: float) -> Element:
    return rect("", start, y - _MARK / 2 + 1, end - start, _MARK - 3)


def _short(label: str, said: str) -> str:
    room = _LONGEST - len(said) // 2
    return label if len(label) <= room else f"{label[: room - 1]}…"


def _told(row: Row, name: Name) -> str:
    """A row in words."""
    marks = []
    for mark in row.marks:
        value = mark.said if isinstance(mark, Bar) and mark.said else name(mark.value)
        if isinstance(mark, IntervalRow) and mark.low is not None and mark.high is not None:
            value += f" ({name(mark.low)} to {name(mark.high)})"
        marks.append(f"{mark.name} {value}".strip())
    return f"{row.label}: {row.said or ', '.join(marks)}"
