"""The table as pictures: SVG text, readable without any script, on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log10
from typing import Final

from simulation.seasons.scenarios import Truth
from simulation.seasons.table import Row

_WIDE: Final = 760
_LEFT: Final = 150
_RIGHT: Final = 20
_LINE: Final = 15
_COLOURS: Final = {"road": "#0b6e4f", "peeking": "#b5541c", "no-breakers": "#7a7a7a", "anytime": "#5b5f97"}
_CAUSES: Final = {
    "camera": "dead camera", "redis": "Redis away", "lapsed": "controller dead", "network": "network broken",
    "detector": "path fails silently", "host": "machine lost", "missed": "machine lost, missed elsewhere",
}  # fmt: skip
_LIMIT: Final = 0.05
_SHORTEST_S: Final = 1.0
_LONGEST_S: Final = 200_000.0


def promoted(rows: Sequence[Row]) -> str:
    """How often each policy let the model past shadow, and to the county, with 95 % intervals."""
    shown = [row for row in rows if row.truth is not Truth.CHANGING]
    worlds = sorted({row.world for row in shown}, key=[row.world for row in shown].index)
    worlds.sort(key=lambda name: next(row.truth is Truth.GOOD for row in shown if row.world == name))
    parts, y = [], 64.0
    for name in worlds:
        lines = [row for row in shown if row.world == name]
        parts.append(_text(_LEFT - 12, y + _LINE * len(lines) / 2 + 2, f"{name} ({lines[0].truth})", "end"))
        for row in lines:
            share = row.past_shadow if row.truth is Truth.BAD else row.county
            parts.append(_interval(y, share.lower, share.share, share.upper, _colour(row.policy)))
            y += _LINE
        y += 10
    scale = [_grid(_x(tick), y, f"{tick:.0%}") for tick in (0.0, 0.25, 0.5, 0.75, 1.0)]
    limit = f'<path d="M{_x(_LIMIT):.1f} 50V{y:.0f}" stroke="#c0392b" stroke-dasharray="4 3"/>'
    note = _text(_x(_LIMIT) + 5, 60, "5 %", colour="#c0392b")
    title = "Share of seasons: bad models that got past shadow, good ones that reached the county"
    return _picture(title, y + 30, [*scale, limit, note, *_legend(rows), *parts])


def unnoticed(rows: Sequence[Row]) -> str:
    """The longest time that authority stood over a path that did not work, by cause: with breakers and without."""
    policies = [name for name in ("road", "no-breakers") if any(row.policy == name for row in rows)]
    causes = sorted({cause for row in rows for cause in row.longest_unknown_s}, key=[*_CAUSES].index)
    parts, y = [], 64.0
    for cause in causes:
        parts.append(_text(_LEFT - 12, y + _LINE * len(policies) / 2 + 2, _CAUSES[cause], "end"))
        for policy in policies:
            longest = max((row.longest_unknown_s.get(cause, 0.0) for row in rows if row.policy == policy), default=0.0)
            end = _log_x(longest)
            parts.append(
                f'<rect x="{_LEFT}" y="{y:.1f}" width="{end - _LEFT:.1f}" height="11" fill="{_colour(policy)}"/>'
            )
            parts.append(_text(end + 5, y + 10, _duration(longest)))
            y += _LINE
        y += 10
    ticks = ((1.0, "1 s"), (10.0, "10 s"), (60.0, "1 min"), (600.0, "10 min"), (3600.0, "1 h"), (86400.0, "1 day"))
    scale = [_grid(_log_x(at), y, text) for at, text in ticks]
    title = "Longest time that authority stood over a path that did not work"
    return _picture(title, y + 30, [*scale, *_legend([row for row in rows if row.policy in policies]), *parts])


def _picture(title: str, height: float, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="12">'
    )
    paper = f'<rect width="{_WIDE}" height="{height:.0f}" fill="#fff"/>'
    return f'{head}{paper}<text x="12" y="20" font-weight="bold">{escape(title)}</text>{"".join(parts)}</svg>'


def _legend(rows: Sequence[Row]) -> list[str]:
    names = list(dict.fromkeys(row.policy for row in rows))
    return [
        f'<rect x="{_LEFT + 130 * i}" y="30" width="10" height="10" fill="{_colour(name)}"/>'
        + _text(_LEFT + 130 * i + 15, 39, name)
        for i, name in enumerate(names)
    ]


def _interval(y: float, lower: float, point: float, upper: float, colour: str) -> str:
    middle = y + 6
    return (
        f'<path d="M{_x(lower):.1f} {middle:.1f}H{_x(upper):.1f}" stroke="{colour}" stroke-width="2"/>'
        f'<circle cx="{_x(point):.1f}" cy="{middle:.1f}" r="4" fill="{colour}"/>'
    )


def _grid(x: float, bottom: float, text: str) -> str:
    return f'<path d="M{x:.1f} 50V{bottom:.0f}" stroke="#ddd"/>' + _text(x, bottom + 15, text, "middle")


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "#222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def _x(share: float) -> float:
    return _LEFT + share * (_WIDE - _LEFT - _RIGHT)


def _log_x(seconds: float) -> float:
    part = log10(max(seconds, _SHORTEST_S) / _SHORTEST_S) / log10(_LONGEST_S / _SHORTEST_S)
    return _LEFT + part * (_WIDE - _LEFT - _RIGHT - 60)


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def _colour(policy: str) -> str:
    return _COLOURS.get(policy, "#333")
