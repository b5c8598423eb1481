"""The few strokes that all plots share: text, the element around them, and round ends of scales. Pure.

Everything that comes from data is escaped here.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, log10
from typing import Final

TWO_DAYS_S: Final = 2 * 86400.0
"""A longer stretch of time is told in days, a shorter one with the time of day."""


def text(kind: str, x: float, y: float, said: str, anchor: str) -> str:
    """A text of a class at a place; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(said)}</text>'


def element(title: str, wide: float, high: float, parts: Sequence[str], kind: str = "plot") -> str:
    """The SVG element of a class; its title is what a screen reader says."""
    head = f'<svg class="{kind}" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {high:.0f}" role="img"'
    return f'{head} aria-label="{escape(title, quote=True)}">{"".join(parts)}</svg>'


def round_up(value: float) -> float:
    """The next round number: 1, 2, 5 times a power of ten."""
    power = 10.0 ** (ceil(log10(value)) - 1)
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.9999)
