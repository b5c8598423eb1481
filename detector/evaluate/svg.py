"""Small plots as SVG text: lines over a square, drawn on the server, readable without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_SIDE, _LEFT, _TOP = 260, 46, 26
_COLOURS = ("#0b6e4f", "#b5541c", "#5b5f97", "#8d8d8d")
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Points in 0-1 on both axes, in order."""

    name: str
    points: Sequence[Point]
    marked: bool = False


def plot(title: str, across: str, up: str, lines: Sequence[Line], diagonal: bool = False) -> str:
    """One plot with both axes from 0 to 1. ``marked`` lines get a dot at every point."""
    parts = [_axes(title, across, up)]
    if diagonal:
        parts.append(_path([(0.0, 0.0), (1.0, 1.0)], "#bbb", ' stroke-dasharray="4 4"'))
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(_path(line.points, colour))
        if line.marked:
            parts += [f'<circle cx="{_x(x):.1f}" cy="{_y(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in line.points]
        height = _TOP + _SIDE - 14 - 16 * (len(lines) - 1 - number)
        parts.append(f'<text x="{_LEFT + 12}" y="{height}" fill="{colour}">{escape(line.name)}</text>')
    wide, high = _LEFT + _SIDE + 16, _TOP + _SIDE + 40
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}"'
    return f'{head} role="img" aria-label="{escape(title)}" font-size="12">{"".join(parts)}</svg>'


def _axes(title: str, across: str, up: str) -> str:
    ticks = [
        f'<path d="M{_x(tick):.1f} {_TOP}V{_TOP + _SIDE}M{_LEFT} {_y(tick):.1f}H{_LEFT + _SIDE}" stroke="#eee"/>'
        f'<text x="{_x(tick):.1f}" y="{_TOP + _SIDE + 15}" text-anchor="middle">{tick:g}</text>'
        f'<text x="{_LEFT - 5}" y="{_y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for tick in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    middle = _TOP + _SIDE / 2
    return (
        f'<text x="{_LEFT}" y="16" font-weight="bold">{escape(title)}</text>{"".join(ticks)}'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>'
        f'<text x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + 32}" text-anchor="middle">{escape(across)}</text>'
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
    )


def _path(points: Sequence[Point], colour: str, more: str = "") -> str:
    steps = "L".join(f"{_x(x):.1f} {_y(y):.1f}" for x, y in points)
    return f'<path d="M{steps}" fill="none" stroke="{colour}" stroke-width="1.8"{more}/>' if points else ""


def _x(share: float) -> float:
    return _LEFT + share * _SIDE


def _y(share: float) -> float:
    return _TOP + (1 - share) * _SIDE
