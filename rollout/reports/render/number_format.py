"""Numbers of reports as people read them. Pure."""

from __future__ import annotations

from typing import Final

from core.clock import civil
from rollout.base.metrics import with_unit
from rollout.reports.document import NOT_ENOUGH, Cell, Figure, Form

LIGHT_SHAPES: Final = {"fine": "●", "look": "▲", "act": "■", "not known": "○"}
"""A shape for each light, so that no one needs to tell colours apart."""


def number(value: float, form: Form, unit: str = "") -> str:
    """A number with its unit."""
    if form is Form.SHARE:
        return f"{100 * value:.1f}%" if abs(value) < 1 or value == 1 else f"{100 * value:.0f}%"
    if form is Form.SECONDS:
        return seconds(value)
    if form is Form.DAYS:
        return f"{value:,.1f} days"
    whole = float(value).is_integer() and abs(value) < 1e15
    text = f"{value:,.0f}" if whole else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return with_unit(text, unit)


def seconds(value: float) -> str:
    """A length of time in the unit that fits; its sign is kept."""
    size, sign = abs(value), "-" if value < 0 else ""
    if size < 120:
        return f"{sign}{size:.0f} s" if size >= 10 or size == 0 else f"{sign}{size:.1f} s"
    if size < 7200:
        return f"{sign}{size / 60:.0f} min"
    return f"{sign}{size / 3600:.1f} h" if size < 172800 else f"{sign}{size / 86400:.1f} days"


def many(count: int, one: str, more: str = "") -> str:
    """``1 alert``, ``2 alerts``; ``more`` is the plural where it is not one with an s."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def moment(at: float, timezone: str) -> str:
    """``Fri 15 Jan 2027, 02:14:05`` on the campsite's clock."""
    return f"{civil(at, timezone):%a %-d %b %Y, %H:%M:%S}"


def said(figure: Figure) -> str:
    """A figure's value, or that there is not enough data."""
    return NOT_ENOUGH if figure.value is None else number(figure.value, figure.form, figure.unit)


def interval(figure: Figure) -> str:
    """What is known of its interval."""
    if figure.value is None:
        return ""
    low = None if figure.low is None else number(figure.low, figure.form)
    high = None if figure.high is None else number(figure.high, figure.form)
    if low is not None and high is not None:
        return f"{low} to {high} ({figure.sure})"
    if low is not None:
        return f"at least {low} ({figure.sure})"
    if high is not None:
        return f"at most {high} ({figure.sure})"
    return figure.sure


def rests_on(figure: Figure) -> str:
    """How much data it rests on."""
    if figure.n is None:
        return ""
    amount = number(figure.n, Form.NUMBER) if figure.n >= 1 or figure.n == 0 else f"{figure.n:.2g}"
    return with_unit(amount, figure.of)


def cell(value: Cell, form: Form, timezone: str) -> str:
    """A table's cell."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return moment(value, timezone) if form is Form.TIME else number(value, form)


def clock(at: float, timezone: str) -> str:
    """``15 Jan 02:14`` on the campsite's clock."""
    return f"{civil(at, timezone):%-d %b %H:%M}"
