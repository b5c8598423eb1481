"""The course of a gate from run to run as a small SVG, and in words: estimate, bound, and what is demanded. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isfinite, isnan
from typing import Final

from core.charts.axes import Axis, LimitLine
from core.charts.line import Band, Dot, Line, Panel, sparkline
from core.charts.scale import Scale
from core.charts.svg import Svg
from core.clock import civil
from rollout.reports.document import AnalysisPoint, Course
from rollout.reports.render.number_format import clock, many, number

TWO_DAYS_S: Final = 2 * 86400.0
"""A longer stretch of time is told in days, a shorter one with the time of day."""
WIDE: Final = 300.0
HIGH: Final = 64.0
EDGE: Final = 5.0
ROOM: Final = 0.12
"""So much of a scale stays free above and below."""


def course(plot: Course) -> Svg:
    """Estimate and bound as lines with a band between them, the demand as a line across, a point for the last analysis.

    Empty where it is not :func:`drawable`. Where an analysis found nothing, the lines have a gap.
    """
    if not drawable(plot):
        return Svg()
    last = [point for point in plot.points if _has_value(point)][-1]
    values = [value for point in plot.points if _has_value(point) for value in (point.value, point.compared)]
    scale = Scale.around([v for v in (*values, plot.limit) if v is not None], ROOM, plot.log)
    lines: list[Line] = []
    bands = []
    for run in _runs(plot.points):
        estimate = [(point.at, point.value or 0.0) for point in run]
        over = [(p.at, p.value or 0.0) for p in run if p.compared is not None and not isnan(p.compared)]
        bound = [(p.at, p.compared) for p in run if p.compared is not None and not isnan(p.compared)]
        if bound and bound != over:
            bands.append(Band(over, bound, "course-band"))
            lines.append(Line(bound, kind="course-bound"))
        lines.append(Line(estimate, kind="course-line"))
    end = "course-end" + (" course-passes" if last.passed else "")
    panel = Panel(
        Axis(scale),
        lines,
        limits=[] if plot.limit is None else [LimitLine(plot.limit, kind="course-limit")],
        bands=bands,
        dots=[Dot((last.at, last.value or 0.0), end, EDGE - 1)],
        high=HIGH,
    )
    across = Axis(Scale(plot.points[0].at, plot.points[-1].at))
    return sparkline(in_words(plot), across, panel, "course", WIDE, EDGE)


def drawable(plot: Course) -> bool:
    """Whether at least two analyses found a value: one point has no course."""
    return sum(map(_has_value, plot.points)) >= 2


def in_words(plot: Course) -> str:
    """The same as two sentences, for who cannot see the picture."""
    points = [point for point in plot.points if _has_value(point)]
    if not points:
        return f"{plot.title}: no analysis has found a value yet."
    first, last = points[0], points[-1]
    values = f"{plot.of} from {_said(plot, first.value)} to {_said(plot, last.value)}"
    if last.compared is not None and last.compared != last.value:
        began = "" if first.compared is None else f" from {_said(plot, first.compared)}"
        values += f", its bound{began} to {_said(plot, last.compared)}"
    demand = "" if plot.limit is None else f", demanded {_said(plot, plot.limit)}"
    span = f"from {_when(plot, plot.points[0].at)} to {_when(plot, plot.points[-1].at)}"
    passed = sum(point.passed for point in plot.points)
    now = "passes" if plot.points[-1].passed else "does not pass"
    shown = many(len(plot.points), "analysis run")
    return f"{plot.title}, {span}: {values}{demand}. It passed at {passed} of {shown} shown; at the last it {now}."


def _runs(points: Iterable[AnalysisPoint]) -> Iterator[list[AnalysisPoint]]:
    """The stretches of analyses that found a value; where one found none, the line has a gap."""
    run: list[AnalysisPoint] = []
    for point in points:
        if _has_value(point):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _has_value(point: AnalysisPoint) -> bool:
    return point.value is not None and not isnan(point.value)


def _said(plot: Course, value: float | None) -> str:
    if value is None:
        return "nothing"
    return number(value, plot.form) if isfinite(value) else "what has no number"


def _when(plot: Course, at: float) -> str:
    long = plot.points[-1].at - plot.points[0].at > TWO_DAYS_S
    return f"{civil(at, plot.timezone):%-d %b}" if long else clock(at, plot.timezone)
