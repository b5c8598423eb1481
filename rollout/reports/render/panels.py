"""Lines over time as SVG text, a panel for each quantity; where there is no data, the line has a gap. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from core.clock import civil
from rollout.reports.document import Form, Panel, Panels
from rollout.reports.render.drawing import TWO_DAYS_S, element, round_up, text
from rollout.reports.render.number_format import number

WIDE: Final = 460
LEFT: Final = 62
RIGHT: Final = 16
LABEL: Final = 32
HIGH: Final = 84
BELOW: Final = 8
FAR: Final = 2.5
"""A limit that lies further above all values than this many times is named and not drawn: the line would be flat."""

FLAT_PX: Final = 0.05

Points = Sequence[tuple[float, float]]


def panels(plot: Panels) -> str:
    """All panels as one SVG element, with the hours (or days) of the campsite's clock under them."""
    parts, top = [], 0.0
    for panel in plot.panels:
        parts.append(_panel(plot, panel, top + LABEL))
        top += LABEL + HIGH + BELOW
    ticks = _ticks(plot)
    for at, said in ticks:
        x = _across(plot, at)
        anchor = "start" if x < LEFT + 8 else "end" if x > WIDE - RIGHT - 8 else "middle"
        parts.append(text("plot-tick", x, top + 12, said, anchor))
    title = f"{plot.title}: {', '.join(panel.label for panel in plot.panels)}, over time"
    return element(title, WIDE, top + 20, parts)


def runs(points: Points, gap_s: float) -> Iterator[Points]:
    """The stretches of points that lie no further apart than ``gap_s``."""
    first = 0
    for index in range(1, len(points) + 1):
        if index == len(points) or points[index][0] - points[index - 1][0] > gap_s:
            yield points[first:index]
            first = index


def _panel(plot: Panels, panel: Panel, top: float) -> str:
    values = [value for _, points in panel.series for _, value in points]
    drawn = [(name, limit) for name, limit in panel.limits if _near(limit, values)]
    most = 1.0 if panel.form is Form.SHARE else round_up(max([1e-9, *values, *(limit for _, limit in drawn)]))
    bottom = top + HIGH

    def up(value: float) -> float:
        return bottom - HIGH * min(1.0, max(0.0, value / most))

    parts = [text("plot-label", 0, top - 12, _label(panel, drawn), "start")]
    if not values:
        return "".join([*parts, text("plot-tick", (LEFT + WIDE - RIGHT) / 2, top + HIGH / 2 + 5, "no data", "middle")])
    for tick in (0.0, most / 2, most):
        said = f"{100 * tick:.0f}%" if panel.form is Form.SHARE else number(tick, panel.form)
        parts.append(f'<path class="plot-grid" d="M{LEFT} {up(tick):.1f}H{WIDE - RIGHT}"/>')
        parts.append(text("plot-tick", LEFT - 6, up(tick) + 4, said, "end"))
    parts += _gaps(plot, panel, top)
    for _, limit in drawn:
        parts.append(f'<path class="plot-limit" d="M{LEFT} {up(limit):.1f}H{WIDE - RIGHT}"/>')
    for _, points in panel.series:
        for run in runs(points, plot.gap_s):
            line = "L".join(f"{x:.1f} {y:.1f}" for x, y in _corners([(_across(plot, at), up(v)) for at, v in run]))
            parts.append(f'<path class="plot-line" d="M{line}{"h2" if len(run) == 1 else ""}"/>')
    return "".join(parts)


def _corners(run: Points) -> Iterator[tuple[float, float]]:
    """Without the points on a level stretch: a flat line has two ends."""
    for index, (x, y) in enumerate(run):
        neighbours = run[max(0, index - 1) : index + 2]
        if len(neighbours) < 3 or any(abs(other - y) >= FLAT_PX for _, other in neighbours):
            yield x, y


def _label(panel: Panel, drawn: Sequence[tuple[str, float]]) -> str:
    """What it is, with its limits in words: a broken line, or further up than what is shown."""
    words = [name if (name, limit) in drawn else f"{name} lies above" for name, limit in panel.limits]
    return ", ".join([panel.label, *words])


def _near(limit: float, values: Sequence[float]) -> bool:
    return bool(values) and limit <= FAR * max(*values, 0.0)


def _gaps(plot: Panels, panel: Panel, top: float) -> Iterator[str]:
    """Where no line of the panel has a point."""
    told = sorted({at for _, points in panel.series for at, _ in points})
    edges = [plot.start, *told, plot.end]
    for before, after in pairwise(edges):
        if after - before > plot.gap_s:
            x, end = _across(plot, before), _across(plot, after)
            yield f'<rect class="plot-gap" x="{x:.1f}" y="{top:.1f}" width="{end - x:.1f}" height="{HIGH}"/>'


def _across(plot: Panels, at: float) -> float:
    share = (at - plot.start) / (plot.end - plot.start) if plot.end > plot.start else 0.5
    return LEFT + (WIDE - LEFT - RIGHT) * min(1.0, max(0.0, share))


def _ticks(plot: Panels) -> list[tuple[float, str]]:
    """Every six hours of up to two days, else at most seven midnights."""
    days = plot.end - plot.start > TWO_DAYS_S
    hour = civil(plot.start, plot.timezone).replace(minute=0, second=0, microsecond=0)
    every = timedelta(days=max(1, round((plot.end - plot.start) / 86400 / 6))) if days else timedelta(hours=6)
    if days:
        hour = hour.replace(hour=0)
    found: list[tuple[float, str]] = []
    while hour.timestamp() <= plot.end + 1:
        if hour.timestamp() >= plot.start - 1:
            found.append((hour.timestamp(), _said(hour, days=days)))
        hour += every  # on the wall's clock: a zone's own arithmetic
    return found


def _said(hour: datetime, *, days: bool) -> str:
    return f"{hour:%-d %b}" if days else f"{hour:%H:%M}"
