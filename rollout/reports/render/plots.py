"""Plots as SVG text, made here: no script, no colours of their own but classes, which a style sheet fills in. Pure.

Everything that comes from data is escaped. A plot never stands alone: figures or a table beside it say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, log10
from typing import Final

from rollout.reports.document import Course, Form, Panels, Plot, Spot, Spots, Steps
from rollout.reports.render.drawing import element, round_up, text
from rollout.reports.render.gate_history_chart import course
from rollout.reports.render.number_format import number
from rollout.reports.render.panels import panels

_WIDE: Final = 460
_ROW_PX: Final = 44
_TOP_PX: Final = 30
_EDGE_PX: Final = 20
_LONGEST_LABEL: Final = 44


def svg(plot: Plot) -> str:
    """A plot as one SVG element, narrow enough for a telephone."""
    if isinstance(plot, Panels):
        return panels(plot)
    if isinstance(plot, Course):
        return course(plot)
    return _spots(plot) if isinstance(plot, Spots) else _steps(plot)


def _spots(plot: Spots) -> str:
    most = plot.most if plot.most is not None else _most(plot.spots)
    left, right, bottom = _EDGE_PX, _WIDE - _EDGE_PX, _TOP_PX + _ROW_PX * len(plot.spots)
    parts = [_grid_across(most, plot.form, left, right, _TOP_PX, bottom)]
    for row, spot in enumerate(plot.spots):
        y = _TOP_PX + _ROW_PX * row
        said = "no data" if spot.value is None else number(spot.value, plot.form)
        parts.append(text("plot-label", 0, y + 16, _short(spot.label), "start"))
        parts.append(text("plot-value", _WIDE, y + 16, said, "end"))
        parts.append(_spot(spot, y + 31, left, right, most))
    return element(plot.title, _WIDE, bottom + 8, parts)


def _most(spots: Sequence[Spot]) -> float:
    reach = max((value for spot in spots for value in (spot.value, spot.high) if value is not None), default=0.0)
    return round_up(reach) if reach > 0 else 1.0


def _spot(spot: Spot, y: float, left: float, right: float, most: float) -> str:
    if spot.value is None:
        return ""

    def x(value: float) -> float:
        return left + (right - left) * min(1.0, max(0.0, value / most))

    low, high = (spot.value if end is None else end for end in (spot.low, spot.high))
    bar = f'<path class="plot-interval" d="M{x(low):.1f} {y:.1f}H{x(high):.1f}"/>' if high > low else ""
    kind = escape(spot.kind, quote=True)
    return f'<g class="plot-spot plot-{kind}">{bar}<circle cx="{x(spot.value):.1f}" cy="{y:.1f}" r="5"/></g>'


def _grid_across(most: float, form: Form, left: float, right: float, top: float, bottom: float) -> str:
    parts = []
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + (right - left) * part
        said = f"{100 * part * most:.0f}%" if form is Form.SHARE else number(part * most, form)
        parts.append(f'<path class="plot-grid" d="M{x:.1f} {top:.0f}V{bottom:.0f}"/>')
        parts.append(
            f'<text class="plot-tick" x="{x:.1f}" y="{top - 8:.0f}" text-anchor="middle">{escape(said)}</text>'
        )
    return "".join(parts)


_LEFT: Final = 62
_RIGHT: Final = 16
_TOP: Final = 12
_HIGH: Final = 200
_HIGHEST: Final = 1e12
"""Where a scale ends, whatever the values: an e-value may be infinite."""


def _steps(plot: Steps) -> str:
    xs = [x for x, _ in plot.points] or [0.0]
    first, last = (0.0 if plot.x_form is Form.SECONDS else min(xs)), max(xs)
    low, high = _ends(plot)
    wide = _WIDE - _LEFT - _RIGHT

    def across(x: float) -> float:
        return _LEFT + wide * ((x - first) / (last - first) if last > first else 0.5)

    def up(y: float) -> float:
        place = (
            (_log(min(y, _HIGHEST), low) - log10(low)) / (log10(high) - log10(low))
            if plot.log
            else (y - low) / (high - low)
        )
        return _TOP + _HIGH * (1 - min(1.0, max(0.0, place)))

    parts = []
    for tick in _ticks(plot, low, high):
        parts.append(f'<path class="plot-grid" d="M{_LEFT} {up(tick):.1f}H{_LEFT + wide}"/>')
        said = f"{100 * tick:.0f}%" if plot.y_form is Form.SHARE else number(tick, plot.y_form)
        parts.append(text("plot-tick", _LEFT - 6, up(tick) + 4, said, "end"))
    for name, height in plot.limits:
        parts.append(f'<path class="plot-limit" d="M{_LEFT} {up(height):.1f}H{_LEFT + wide}"/>')
        parts.append(text("plot-tick", _LEFT + wide, up(height) - 4, name, "end"))
    if plot.points:
        steps = f"M{across(xs[0]):.1f} {up(plot.points[0][1]):.1f}"
        steps += "".join(f"H{across(x):.1f}V{up(y):.1f}" for x, y in plot.points[1:])
        parts.append(f'<path class="plot-line" d="{steps}"/>')
    for at, anchor in ((first, "start"), (last, "end")):
        said = f"bear {at:.0f}" if plot.x_form is Form.NUMBER else number(at, plot.x_form)
        parts.append(text("plot-tick", across(at), _TOP + _HIGH + 18, said, anchor))
    parts.append(text("plot-label", _LEFT + wide / 2, _TOP + _HIGH + 34, plot.across, "middle"))
    return element(f"{plot.title}: {plot.up}", _WIDE, _TOP + _HIGH + 44, parts)


def _ends(plot: Steps) -> tuple[float, float]:
    if plot.y_form is Form.SHARE:
        return 0.0, 1.0
    values = [min(y, _HIGHEST) for _, y in plot.points] + [height for _, height in plot.limits]
    if plot.log:
        return max(1e-6, min([0.1, *(v for v in values if v > 0)])), max([10.0, *values])
    return 0.0, round_up(max([1e-9, *values]))


def _ticks(plot: Steps, low: float, high: float) -> list[float]:
    if not plot.log:
        return [low + (high - low) * part for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    powers = range(ceil(log10(low)), int(log10(high)) + 1)
    return [10.0**power for power in powers if len(powers) < 9 or power % 3 == 0]


def _log(value: float, least: float) -> float:
    return log10(max(value, least))


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
