"""The rollout as a picture, gates as bars, and what a breaker saw: what is to be seen; rollout.css colours it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.axes import Axis, LimitLine
from core.charts.line import Dot, Line, Panel, line_chart
from core.charts.scale import Scale
from core.charts.strip import WIDE, Mark, strip
from core.charts.svg import Point, Svg, circle, element, group, number, path, picture, text
from core.clock import civil
from rollout.base.metrics import readable

_HIGH, _EDGE, _LOW, _TOP = 262.0, 80.0, 198.0, 86.0
_MARK: Final = 30.0
_MOST_TENTS: Final = 5


@dataclass(frozen=True, slots=True)
class Stop:
    """A stage on the trail: its number, its mode, how many campsites it reaches, and whether it lies behind us."""

    number: int
    mode: str
    campsites: int
    done: bool
    here: bool


def trail(words: str, stops: Sequence[Stop], share: float | None = None) -> Svg:
    """The trail uphill from shadow to everywhere, with a flag where we are.

    ``share`` is how much of the running stage's time is over; so much of the way to the next stop is walked.
    """
    points = _points(len(stops))
    ways = [_way(a, b) for a, b in pairwise(points)]
    here = next((index for index, stop in enumerate(stops) if stop.here), 0)
    parts = [_hill(points, ways)]
    for index, (start, way) in enumerate(zip(points, ways, strict=False)):
        d = f"M{_at(start)}{way}"
        parts.append(path("trail-done" if index < here else "trail-ahead", d))
        if index == here and share:
            walked = f"{min(1.0, share):.3f} 2"
            parts.append(element("path", "trail-done", d=d, pathLength="1", stroke_dasharray=walked))
    parts += [_stop(stop, *point) for stop, point in zip(stops, points, strict=True)]
    parts.append(_flag(*points[here]))
    return picture("trail", WIDE, _HIGH, parts, words)


def _points(count: int) -> list[Point]:
    if count == 1:
        return [(WIDE / 2, _LOW)]
    step, rise = (WIDE - 2 * _EDGE) / (count - 1), (_LOW - _TOP) / (count - 1)
    return [(_EDGE + index * step, _LOW - index * rise) for index in range(count)]


def _at(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _way(start: Point, end: Point) -> str:
    """From one stop to the next: flat at each stop, steep between them."""
    middle = (start[0] + end[0]) / 2
    return f"C{_at((middle, start[1]))} {_at((middle, end[1]))} {_at(end)}"


def _hill(points: Sequence[Point], ways: Sequence[str]) -> Element:
    return path("trail-hill", f"M0 {number(points[0][1])}H{number(points[0][0])}{''.join(ways)}H{WIDE}V{_HIGH}H0Z")


def _stop(stop: Stop, x: float, y: float) -> Element:
    kind = f"stop stop-{stop.mode}" + (" stop-done" if stop.done else "") + (" stop-here" if stop.here else "")
    ring = [circle("stop-ring", x, y, _MARK + 9)] if stop.mode == "automatic" else []
    count = min(stop.campsites, _MOST_TENTS)
    tents = [
        path("tent", f"M{_at((x + 24 * (index - count / 2) + 2, y + _MARK + 28))}l10 -15l10 15z")
        for index in range(count)
    ]
    return group(kind, *ring, circle("", x, y, _MARK), text("", x, y + 11, str(stop.number), "middle"), *tents)


def _flag(x: float, y: float) -> Element:
    foot = f"M{_at((x, y - _MARK - 46))}"
    return group("trail-flag", path("", f"{foot}v46"), path("", f"{foot}h44l-11 13 11 13h-44z"))


def gate_bar(
    scale: Scale, limit: float, upwards: bool, value: float | None, interval: tuple[float, float] | None, kind: str
) -> Svg:
    """What was measured against what is demanded: the good side, the interval, the estimate, and the threshold."""
    tick = WIDE * scale.share(limit)
    good = (tick, WIDE) if upwards else (0.0, tick)
    marks = [_TRACK, Mark(*good, "bar-good", top=8, bottom=22)]
    if interval is not None:
        low, high = sorted(WIDE * scale.share(end) for end in interval)
        marks.append(Mark(low, high, f"bar-interval bar-{kind}", top=11, bottom=19))
    if value is not None:
        x = WIDE * scale.share(value)
        marks.append(Mark(max(0.0, x - 5), min(WIDE, x + 5), f"bar-value bar-{kind}", top=5, bottom=25))
    return _bar(marks, min(998.0, max(2.0, tick)))


def amount_bar(have: float, need: float) -> Svg:
    """How much of the evidence there is."""
    share = min(1.0, have / need) if need else 1.0
    return _bar([_TRACK, Mark(0, WIDE * share, "bar-amount", top=8, bottom=22)])


_TRACK: Final = Mark(0, WIDE, "bar-track", top=8, bottom=22)


def _bar(marks: Sequence[Mark], rule: float | None = None) -> Svg:
    return strip(marks, rule, kind="bar", rule_kind="bar-limit", high=30, smallest=0)


def series_plot(title: str, points: Sequence[Point], limit: float | None, zone: str) -> Svg:
    """What a breaker saw in the last while: a line of ``(at, value)``, its limit, and the moment of the trip."""
    if not points:
        return Svg()
    limits = [] if limit is None else [LimitLine(limit, f"limit {readable(limit)}")]
    scale = Scale.of([*(value for _, value in points), *(each.value for each in limits)])
    ends = [(at, f"{civil(at, zone):%H:%M:%S}") for at in (points[0][0], points[-1][0])]
    panel = Panel(
        Axis(scale), [Line(points, kind="plot-line plot-alarm")], limits=limits, dots=[Dot(points[-1], "plot-trip", 6)]
    )
    return line_chart(title, Axis(Scale(ends[0][0], ends[1][0]), chosen=ends), [panel])
