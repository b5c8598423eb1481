"""What is to be seen on each plot of a report; how it is drawn, core.charts knows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from core.charts.axes import Axis, LimitLine
from core.charts.line import Line, Panel, line_chart
from core.charts.rows import IntervalRow, Row, row_chart
from core.charts.scale import Scale, time_ticks
from core.charts.svg import Svg
from rollout.reports import document
from rollout.reports.document import Course, Form, Panels, Plot, Spots, Steps
from rollout.reports.render.gate_history_chart import course
from rollout.reports.render.number_format import number

_HIGH: Final = 84.0
_STEPS: Final = 2
FAR: Final = 2.5
"""A limit that lies further above all values than this many times is named and not drawn: the line would be flat."""


def svg(plot: Plot) -> Svg:
    """A plot as one SVG element, narrow enough for a telephone."""
    if isinstance(plot, Panels):
        return _panels(plot)
    if isinstance(plot, Course):
        return course(plot)
    return _spots(plot) if isinstance(plot, Spots) else _steps(plot)


def _spots(plot: Spots) -> Svg:
    reach = [end for spot in plot.spots for end in (spot.value, spot.high) if end is not None]
    scale = Scale.of(reach) if plot.most is None else Scale(0.0, plot.most)
    rows = [
        Row(spot.label, [IntervalRow(spot.value, spot.low, spot.high, kind=f"plot-{spot.kind}")],
            number(spot.value, plot.form))
        if spot.value is not None
        else Row(spot.label, [], "no data")
        for spot in plot.spots
    ]  # fmt: skip
    return row_chart(plot.title, rows, _axis(scale, plot.form))


def _steps(plot: Steps) -> Svg:
    xs = [x for x, _ in plot.points] or [0.0]
    first, last = (0.0 if plot.x_form is Form.SECONDS else xs[0]), max(xs)
    heights = [*(y for _, y in plot.points), *(height for _, height in plot.limits)]
    up = Scale(0.0, 1.0) if plot.y_form is Form.SHARE else Scale.of(heights, log=plot.log)
    ends = [(at, f"bear {at:.0f}" if plot.x_form is Form.NUMBER else number(at, plot.x_form)) for at in (first, last)]
    panel = Panel(
        _axis(up, plot.y_form),
        [Line(plot.points, steps=True)],
        plot.up,
        [LimitLine(height, name) for name, height in plot.limits],
    )
    return line_chart(plot.title, Axis(Scale(first, last), chosen=ends), [panel], plot.across)


def _panels(plot: Panels) -> Svg:
    across = Axis(Scale(plot.start, plot.end), chosen=time_ticks(plot.start, plot.end, plot.timezone))
    title = f"{plot.title}: {', '.join(panel.label for panel in plot.panels)}, over time"
    return line_chart(title, across, [_panel(plot, panel) for panel in plot.panels])


def _panel(plot: Panels, panel: document.ReportPanel) -> Panel:
    values = [value for _, points in panel.series for _, value in points]
    near = [limit for limit in panel.limits if values and limit[1] <= FAR * max(*values, 0.0)]
    reach = [*values, *(height for _, height in near)]
    scale = Scale(0.0, 1.0) if panel.form is Form.SHARE else Scale.of(reach, most=_STEPS)
    words = [limit[0] if limit in near else f"{limit[0]} lies above" for limit in panel.limits]
    return Panel(
        _axis(scale, panel.form, most=_STEPS),
        [Line(points, name, gap=plot.gap_s) for name, points in panel.series],
        ", ".join([panel.label, *words]),
        [LimitLine(height) for _, height in near],
        gaps=list(_gaps(plot, panel)),
        high=_HIGH,
    )


def _gaps(plot: Panels, panel: document.ReportPanel) -> Sequence[tuple[float, float]]:
    """Where no line of the panel has a point."""
    told = sorted({at for _, points in panel.series for at, _ in points})
    return [edge for edge in pairwise((plot.start, *told, plot.end)) if edge[1] - edge[0] > plot.gap_s]


def _axis(scale: Scale, form: Form, most: int = 4) -> Axis:
    return Axis(scale, partial(_said, form=form), most=most)


def _said(value: float, form: Form) -> str:
    return f"{100 * value:.3g}%" if form is Form.SHARE else number(value, form)
