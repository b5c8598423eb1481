"""The road as a picture, gates as bars, and what a breaker saw: SVG made on the server, coloured by road.css."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from core.clock import civil

WIDE, HIGH = 1000.0, 262.0
_EDGE, _LOW, _TOP = 80.0, 198.0, 86.0
_MARK: Final = 30.0
_MOST_TENTS: Final = 5

Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Stop:
    """A stage on the trail: its number, its mode, how many campsites it reaches, and whether it lies behind us."""

    number: int
    mode: str
    campsites: int
    done: bool
    here: bool


def trail(words: str, stops: Sequence[Stop], share: float | None = None) -> Markup:
    """The trail uphill from shadow to everywhere, with a flag where we are.

    ``share`` is how much of the running stage's time is over; so much of the way to the next stop is walked.
    """
    points = _points(len(stops))
    ways = [_curve(a, b) for a, b in pairwise(points)]
    here = next((index for index, stop in enumerate(stops) if stop.here), 0)
    parts = [_hill(points, ways)]
    for index, way in enumerate(ways):
        parts.append(_way(way, "trail-done" if index < here else "trail-ahead"))
        if index == here and share:
            parts.append(_way(_first(way, min(1.0, share)), "trail-done"))
    parts += [_stop(stop, *point) for stop, point in zip(stops, points, strict=True)]
    parts.append(_flag(*points[here]))
    head = Markup('<svg class="trail" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">').format(
        WIDE, HIGH, words
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def _points(count: int) -> list[Point]:
    if count == 1:
        return [(WIDE / 2, _LOW)]
    step, rise = (WIDE - 2 * _EDGE) / (count - 1), (_LOW - _TOP) / (count - 1)
    return [(_EDGE + index * step, _LOW - index * rise) for index in range(count)]


def _curve(start: Point, end: Point) -> Curve:
    """Flat at each stop, steep between them."""
    middle = (start[0] + end[0]) / 2
    return start, (middle, start[1]), (middle, end[1]), end


def _first(way: Curve, share: float) -> Curve:
    """The first part of a curve (de Casteljau)."""
    a, b, c, d = way
    ab, bc, cd = _between(a, b, share), _between(b, c, share), _between(c, d, share)
    abc, bcd = _between(ab, bc, share), _between(bc, cd, share)
    return a, ab, abc, _between(abc, bcd, share)


def _between(a: Point, b: Point, share: float) -> Point:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _way(way: Curve, kind: str) -> Markup:
    return Markup('<path class="{}" d="M{:.1f} {:.1f}{}"/>').format(kind, *way[0], _steps(way))


def _steps(way: Curve) -> str:
    _, b, c, d = way
    return f"C{b[0]:.1f} {b[1]:.1f} {c[0]:.1f} {c[1]:.1f} {d[0]:.1f} {d[1]:.1f}"


def _hill(points: Sequence[Point], ways: Sequence[Curve]) -> Markup:
    ground = "".join(_steps(way) for way in ways)
    return Markup('<path class="trail-hill" d="M0 {0:.1f}H{1:.1f}{2}H{3:.0f}V{4:.0f}H0Z"/>').format(
        points[0][1], points[0][0], ground, WIDE, HIGH
    )


def _stop(stop: Stop, x: float, y: float) -> Markup:
    kind = f"stop stop-{stop.mode}" + (" stop-done" if stop.done else "") + (" stop-here" if stop.here else "")
    ring = Markup('<circle class="stop-ring" cx="{:.1f}" cy="{:.1f}" r="{:.0f}"/>').format(x, y, _MARK + 9)
    tents = Markup("").join(_tent(x, y + _MARK + 12, index, min(stop.campsites, _MOST_TENTS)) for index in
                            range(min(stop.campsites, _MOST_TENTS)))  # fmt: skip
    return Markup(
        '<g class="{}">{}<circle cx="{:.1f}" cy="{:.1f}" r="{:.0f}"/><text x="{:.1f}" y="{:.1f}">{}</text>{}</g>'
    ).format(kind, ring if stop.mode == "automatic" else "", x, y, _MARK, x, y + 11, stop.number, tents)


def _tent(x: float, y: float, index: int, count: int) -> Markup:
    left = x + (index - count / 2) * 24
    return Markup('<path class="tent" d="M{:.1f} {:.1f}l10 -15l10 15z"/>').format(left + 2, y + 16)


def _flag(x: float, y: float) -> Markup:
    top = y - _MARK - 46
    return Markup(
        '<g class="trail-flag"><path d="M{0:.1f} {1:.1f}V{2:.1f}"/>'
        '<path d="M{0:.1f} {1:.1f}h44l-11 13 11 13h-44z"/></g>'
    ).format(x, top, y - _MARK)


# Bars: stretched to the page's width, so that they hold neither text nor circles. Words stand beside them.

_BAR: Final = 30


@dataclass(frozen=True, slots=True)
class Scale:
    """From which value to which a bar reaches."""

    low: float
    high: float
    log: bool = False

    def x(self, value: float) -> float:
        """Where a value lies, from 0 to 1000."""
        if self.log:
            value, low, high = (math.log10(max(v, 1e-9)) for v in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return 1000.0 * min(1.0, max(0.0, (value - low) / (high - low)))


def gate_bar(
    scale: Scale, limit: float, upwards: bool, value: float | None, interval: tuple[float, float] | None, kind: str
) -> Markup:
    """What was measured against what is demanded: the good side, the interval, the estimate, and the threshold."""
    tick = scale.x(limit)
    good = (tick, 1000.0) if upwards else (0.0, tick)
    parts = [_rect("bar-track", 0, 1000, 8, 22), _rect("bar-good", *good, 8, 22)]
    if interval is not None:
        parts.append(_rect(f"bar-interval bar-{kind}", scale.x(interval[0]), scale.x(interval[1]), 11, 19))
    if value is not None:
        x = scale.x(value)
        parts.append(_rect(f"bar-value bar-{kind}", max(0.0, x - 5), min(1000.0, x + 5), 5, 25))
    parts.append(Markup('<path class="bar-limit" d="M{:.1f} 0V{}"/>').format(min(998.0, max(2.0, tick)), _BAR))
    return _bar(parts)


def amount_bar(have: float, need: float) -> Markup:
    """How much of the evidence there is."""
    share = 1000.0 * min(1.0, have / need) if need else 1000.0
    return _bar([_rect("bar-track", 0, 1000, 8, 22), _rect("bar-amount", 0, share, 8, 22)])


def _bar(parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="bar" viewBox="0 0 1000 {}" preserveAspectRatio="none" aria-hidden="true">')
    return head.format(_BAR) + Markup("").join(parts) + Markup("</svg>")


def _rect(kind: str, left: float, right: float, top: int, bottom: int) -> Markup:
    return Markup('<rect class="{}" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>').format(
        kind, min(left, right), top, abs(right - left), bottom - top
    )


# What a breaker saw in the last while before it tripped.

_LEFT, _RIGHT, _UP, _DOWN, _PLOT_WIDE, _PLOT_HIGH = 70.0, 20.0, 16.0, 34.0, 640.0, 240.0


def series_plot(title: str, points: Sequence[tuple[float, float]], limit: float | None, zone: str) -> Markup:
    """A line through ``(at, value)``, the limit across it, and the moment of the trip at its end."""
    if not points:
        return Markup("")
    values = [value for _, value in points] + ([limit] if limit is not None else [])
    low, high = min(0.0, *values), max(values)
    high = high + 0.1 * (high - low or 1.0)
    begin, end = points[0][0], points[-1][0]

    def x(at: float) -> float:
        return _LEFT + (_PLOT_WIDE - _LEFT - _RIGHT) * ((at - begin) / (end - begin) if end > begin else 1.0)

    def y(value: float) -> float:
        return _PLOT_HIGH - _DOWN - (_PLOT_HIGH - _UP - _DOWN) * (value - low) / (high - low)

    parts = [_across_plot(value, y(value), "grid") for value in (low, low + (high - low) / 2)]
    if limit is not None:
        parts.append(_across_plot(limit, y(limit), "plot-limit"))
    steps = "L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in points)
    parts.append(Markup('<path class="line plot-line" d="M{}"/>').format(steps))
    parts.append(Markup('<circle class="plot-trip" cx="{:.1f}" cy="{:.1f}" r="6"/>').format(x(end), y(points[-1][1])))
    for at, anchor in ((begin, "start"), (end, "end")):
        parts.append(
            Markup('<text class="plot-time" x="{:.1f}" y="{:.0f}" text-anchor="{}">{}</text>').format(
                x(at), _PLOT_HIGH - 8, anchor, f"{civil(at, zone):%H:%M:%S}"
            )
        )
    head = Markup('<svg class="chart plot" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">')
    return head.format(_PLOT_WIDE, _PLOT_HIGH, title) + Markup("").join(parts) + Markup("</svg>")


def _across_plot(value: float, y: float, kind: str) -> Markup:
    return Markup(
        '<path class="{}" d="M{:.1f} {:.1f}H{:.1f}"/><text class="plot-tick" x="{:.1f}" y="{:.1f}">{}</text>'
    ).format(kind, _LEFT, y, _PLOT_WIDE - _RIGHT, _LEFT - 8, y + 4, f"{value:.3g}")
