"""The course of a gate from look to look as a small SVG, and in words: estimate, bound, and what is demanded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, log10
from typing import Final

from core.clock import civil
from rollout.reports.document import Course, LookedAt
from rollout.reports.render.drawing import TWO_DAYS_S, element
from rollout.reports.render.number_format import clock, many, number

WIDE: Final = 300.0
HIGH: Final = 64.0
EDGE: Final = 5.0
LEAST: Final = 1e-6
MOST: Final = 1e9
"""Where scales end, whatever the values: an e-value may be infinite."""
ROOM: Final = 0.12
"""So much of a scale stays free above and below."""


def course(plot: Course) -> str:
    """Estimate and bound as lines with a band between them, the demand as a line across, a point for the last look.

    Empty where it is not :func:`drawable`.
    """
    if not drawable(plot):
        return ""
    drawn = [point for point in plot.points if _has_value(point)]
    frame = _frame(plot, drawn)
    parts = [stroke for run in _runs(plot.points) for stroke in _run(frame, run)]
    if plot.limit is not None:
        parts.append(f'<path class="course-limit" d="M0 {frame.y(plot.limit):.1f}H{WIDE:.0f}"/>')
    last = drawn[-1]
    kind = "course-end" + (" course-passes" if last.passed else "")
    parts.append(
        f'<circle class="{kind}" cx="{frame.x(last.at):.1f}" cy="{frame.y(last.value or 0.0):.1f}" r="{EDGE - 1:.0f}"/>'
    )
    return element(in_words(plot), WIDE, HIGH, parts, kind="course")


def drawable(plot: Course) -> bool:
    """Whether at least two looks found a value: one point has no course."""
    return sum(map(_has_value, plot.points)) >= 2


def in_words(plot: Course) -> str:
    """The same as two sentences, for who cannot see the picture."""
    points = [point for point in plot.points if _has_value(point)]
    if not points:
        return f"{plot.title}: no look has found a value yet."
    first, last = points[0], points[-1]
    values = f"{plot.of} from {_said(plot, first.value)} to {_said(plot, last.value)}"
    if last.compared is not None and last.compared != last.value:
        began = "" if first.compared is None else f" from {_said(plot, first.compared)}"
        values += f", its bound{began} to {_said(plot, last.compared)}"
    demand = "" if plot.limit is None else f", demanded {_said(plot, plot.limit)}"
    span = f"from {_when(plot, plot.points[0].at)} to {_when(plot, plot.points[-1].at)}"
    passed = sum(point.passed for point in plot.points)
    now = "passes" if plot.points[-1].passed else "does not pass"
    shown = many(len(plot.points), "look")
    return f"{plot.title}, {span}: {values}{demand}. It passed at {passed} of {shown} shown; at the last it {now}."


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where moments and values lie in the picture."""

    begin: float
    end: float
    low: float
    high: float
    log: bool

    def x(self, at: float) -> float:
        share = (at - self.begin) / (self.end - self.begin) if self.end > self.begin else 1.0
        return EDGE + (WIDE - 2 * EDGE) * share

    def y(self, value: float) -> float:
        share = (_scaled(value, self.log) - self.low) / (self.high - self.low)
        return EDGE + (HIGH - 2 * EDGE) * (1.0 - min(1.0, max(0.0, share)))


def _frame(plot: Course, drawn: Sequence[LookedAt]) -> _Frame:
    values = [value for point in drawn for value in (point.value, point.compared)] + [plot.limit]
    scaled = [_scaled(value, plot.log) for value in values if value is not None and not isnan(value)]
    low, high = min(scaled), max(scaled)
    room = ROOM * (high - low) or 0.5
    return _Frame(plot.points[0].at, plot.points[-1].at, low - room, high + room, plot.log)


def _run(frame: _Frame, run: Sequence[LookedAt]) -> Iterator[str]:
    estimate, over, bound = [], [], []
    for point in run:
        place = (frame.x(point.at), frame.y(point.value or 0.0))
        estimate.append(place)
        if point.compared is not None and not isnan(point.compared):
            over.append(place)
            bound.append((place[0], frame.y(point.compared)))
    if bound and bound != over:
        yield f'<path class="course-band" d="M{_line([*over, *reversed(bound)])}z"/>'
        yield f'<path class="course-bound" d="M{_line(bound)}h.1"/>'
    yield f'<path class="course-line" d="M{_line(estimate)}h.1"/>'


def _runs(points: Iterable[LookedAt]) -> Iterator[list[LookedAt]]:
    """The stretches of looks that found a value; where one found none, the line has a gap."""
    run: list[LookedAt] = []
    for point in points:
        if _has_value(point):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _has_value(point: LookedAt) -> bool:
    return point.value is not None and not isnan(point.value)


def _scaled(value: float, log: bool) -> float:
    kept = min(MOST, max(-MOST, value))
    return log10(max(LEAST, kept)) if log else kept


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "L".join(f"{across:.1f} {up:.1f}" for across, up in points)


def _said(plot: Course, value: float | None) -> str:
    if value is None:
        return "nothing"
    return number(value, plot.form) if isfinite(value) else "what has no number"


def _when(plot: Course, at: float) -> str:
    long = plot.points[-1].at - plot.points[0].at > TWO_DAYS_S
    return f"{civil(at, plot.timezone):%-d %b}" if long else clock(at, plot.timezone)
