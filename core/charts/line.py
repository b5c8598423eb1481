"""Lines: over time or over any other number, one field under another where several quantities share what is across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.axes import (
    EDGE,
    LINE,
    SAMPLE,
    SHARES,
    WIDE,
    Axis,
    LimitLine,
    PlotArea,
    grid_across,
    grid_up,
    legend,
    limits_up,
    margin,
    upright,
)
from core.charts.svg import Point, Svg, circle, number, path, picture, rect, text, through, titled

_FLAT: Final = 0.05
_SIDE: Final = 280.0

Points = Sequence[Point]


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined in their order, but not over a stretch longer than ``gap``, nor over a value that is none (NaN).

    ``steps``: a value holds until the next point. ``dots``: each point is marked.
    """

    points: Points
    name: str = ""
    kind: str = "plot-line"
    steps: bool = False
    dots: bool = False
    gap: float = float("inf")


@dataclass(frozen=True, slots=True)
class Band:
    """The field between two lines."""

    over: Points
    under: Points
    kind: str = "plot-band"


@dataclass(frozen=True, slots=True)
class Dot:
    """One point that matters."""

    point: Point
    kind: str
    r: float = 5.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity. ``gaps`` are stretches across that are shaded, since nothing is known there."""

    up: Axis
    lines: Sequence[Line]
    label: str = ""
    limits: Sequence[LimitLine] = ()
    bands: Sequence[Band] = ()
    dots: Sequence[Dot] = ()
    gaps: Sequence[tuple[float, float]] = ()
    high: float = 200.0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(line.points for line in self.lines)


def line_chart(title: str, across: Axis, panels: Sequence[Panel], below: str = "", wide: float = WIDE) -> Svg:
    """Panels under one another, each with its label above it; ``below`` says what it is that runs across."""
    left = margin(said for panel in panels for _, said in panel.up.ticks)
    names = {line.kind: line.name for panel in panels for line in panel.lines if line.name}
    parts, top = legend(names, wide, lambda kind, x, y: path(kind, f"M{number(x)} {number(y)}h{number(SAMPLE)}"))
    frame = PlotArea(left, wide - EDGE, top, top, across.scale, across.scale)
    for panel in panels:
        top += LINE + 12 if panel.label else 10
        frame = PlotArea(left, wide - EDGE, top, top + panel.high, across.scale, panel.up.scale)
        parts += _panel(frame, panel, across)
        top = frame.bottom + 6
    parts += grid_across(frame, across, top + LINE - 2, lines=False)
    top += LINE + 4
    if below:
        parts.append(text("plot-label", (frame.left + frame.right) / 2, top + LINE - 4, below, "middle"))
        top += LINE + 2
    return picture("plot", wide, top, parts, title, "; ".join(_told(panels)))


def unit_square(title: str, across: str, up: str, lines: Sequence[Line]) -> Svg:
    """Lines over shares of both kinds, as precision over recall."""
    return line_chart(title, SHARES, [Panel(SHARES, lines, up, high=_SIDE)], across, _SIDE + 80)


def sparkline(title: str, across: Axis, panel: Panel, kind: str, wide: float, edge: float) -> Svg:
    """One panel as small as a word: no axes, ``edge`` free around it."""
    frame = PlotArea(edge, wide - edge, edge, panel.high - edge, across.scale, panel.up.scale)
    full = PlotArea(0.0, wide, frame.top, frame.bottom, across.scale, panel.up.scale)
    return picture(kind, wide, panel.high, [*_data(frame, panel), *limits_up(full, panel.limits), *_dots(frame, panel)],
                   title)  # fmt: skip


def runs(points: Points, gap: float) -> Iterator[Points]:
    """The stretches of points that have a value (not NaN) and lie no further apart than ``gap``."""
    run: list[Point] = []
    for point in points:
        known = not isnan(point[1])
        if run and (not known or point[0] - run[-1][0] > gap):
            yield run
            run = []
        if known:
            run.append(point)
    if run:
        yield run


def _panel(frame: PlotArea, panel: Panel, across: Axis) -> Iterator[Element]:
    if panel.label:
        yield text("plot-label", 0, frame.top - 12, panel.label)
    if panel.empty:
        yield text("plot-tick", (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2 + 5, "no data", "middle")
        return
    yield from (upright("plot-grid", frame, value) for value, _ in across.ticks)
    yield from grid_up(frame, panel.up)
    for start, end in panel.gaps:
        x = frame.x(start)
        yield rect("plot-gap", x, frame.top, frame.x(end) - x, frame.bottom - frame.top)
    yield from _data(frame, panel)
    yield from limits_up(frame, panel.limits)
    yield from _dots(frame, panel)


def _data(frame: PlotArea, panel: Panel) -> Iterator[Element]:
    for band in panel.bands:
        edge = [*map(frame.at, band.over), *map(frame.at, reversed(band.under))]
        yield path(band.kind, f"{through(edge)}z")
    for line in panel.lines:
        for run in runs(line.points, line.gap):
            places = [frame.at(point) for point in run]
            yield _drawn(line, places)
            if line.dots:
                yield from (circle(f"plot-dot {line.kind}", *place, 3.5) for place in places)


def _dots(frame: PlotArea, panel: Panel) -> list[Element]:
    return [circle(dot.kind, *frame.at(dot.point), dot.r) for dot in panel.dots]


def _drawn(line: Line, places: Points) -> Element:
    if line.steps:
        (x, y), rest = places[0], places[1:]
        d = f"M{number(x)} {number(y)}" + "".join(f"H{number(x)}V{number(y)}" for x, y in rest)
    else:
        d = through(_corners(places))
    made = path(line.kind, d + ("h2" if len(places) == 1 else ""))
    made.extend(titled(line.name))
    return made


def _corners(places: Points) -> Iterator[Point]:
    """Without the points on a level stretch: a flat line has two ends."""
    for index, (x, y) in enumerate(places):
        neighbours = places[max(0, index - 1) : index + 2]
        if len(neighbours) < 3 or any(abs(other - y) >= _FLAT for _, other in neighbours):
            yield x, y


def _told(panels: Sequence[Panel]) -> Iterator[str]:
    """Each line in words: where it begins and where it ends."""
    for panel in panels:
        for line in panel.lines:
            values = [value for _, value in line.points if isfinite(value)]
            if values:
                what = ", ".join(part for part in (panel.label, line.name) if part)
                yield f"{what}: from {panel.up.name(values[0])} to {panel.up.name(values[-1])}".removeprefix(": ")
