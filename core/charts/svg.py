"""SVG elements, and the one place where what comes from data is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, tostring

from core.charts import STYLE

Point = tuple[float, float]
"""Across and down, in units of the view box."""
_HEAD, _SIDE = 36.0, 12.0
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document can hold, not even escaped."""


class Svg(str):
    """A finished picture. Templates put it in as it stands, since all that it holds is escaped."""

    __slots__ = ()

    def __html__(self) -> str:
        """As templates ask for markup."""
        return str(self)


def element(tag: str, kind: str = "", *inside: Element, said: str = "", **attributes: str | float) -> Element:
    """An element of a class. ``said`` is its text; numbers are rounded to tenths; ``view_box`` is ``viewBox``."""
    made = Element(tag, {"class": kind} if kind else {})
    for name, value in attributes.items():
        made.set(_NAMES.get(name, name.replace("_", "-")), _kept(value) if isinstance(value, str) else number(value))
    if said:
        made.text = _kept(said)
    made.extend(inside)
    return made


_NAMES: Final = {"view_box": "viewBox", "aspect": "preserveAspectRatio"}


def picture(
    kind: str, wide: float, high: float, parts: Iterable[Element], title: str, detail: str = "", alone: bool = False
) -> Svg:
    """A picture that a screen reader calls ``title`` and describes with ``detail``; it scales with its width.

    ``alone``: it becomes a file of its own, with its title on it, on paper, with its own style sheet.
    """
    told = [element("desc", said=detail)] if detail else []
    if alone:
        paper = rect("plot-paper", -_SIDE, -_HEAD, wide + 2 * _SIDE, high + _HEAD)
        told += [element("style", said=STYLE), paper, text("plot-title", 0, 22 - _HEAD, title)]
    side, head = (_SIDE, _HEAD) if alone else (0.0, 0.0)
    view_box = " ".join(map(number, (-side, -head, wide + 2 * side, high + head)))
    size = {"xmlns": "http://www.w3.org/2000/svg", "view_box": view_box}
    return finished(element("svg", kind, *told, *parts, **size, role="img", aria_label=title))


def stretched(kind: str, wide: float, high: float, parts: Iterable[Element]) -> Svg:
    """Decoration that fills its place, and bears no text: what it shows is also said in words beside it."""
    size = f"0 0 {number(wide)} {number(high)}"
    return finished(element("svg", kind, *parts, view_box=size, aspect="none", aria_hidden="true"))


def finished(root: Element) -> Svg:
    """The element and all within as text."""
    return Svg(tostring(root, encoding="unicode"))


def text(kind: str, x: float, y: float, said: str, anchor: str = "start") -> Element:
    """A text; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return element("text", kind, said=said, x=x, y=y, text_anchor=anchor)


def path(kind: str, d: str, title: str = "") -> Element:
    """A path; ``title`` is told to who points at it."""
    return element("path", kind, *titled(title), d=d)


def rect(kind: str, x: float, y: float, width: float, height: float, title: str = "") -> Element:
    """A rectangle."""
    return element("rect", kind, *titled(title), x=x, y=y, width=width, height=height)


def circle(kind: str, x: float, y: float, r: float) -> Element:
    """A circle."""
    return element("circle", kind, cx=x, cy=y, r=r)


def group(kind: str, *inside: Element, title: str = "") -> Element:
    """Elements of one class."""
    return element("g", kind, *titled(title), *inside)


def titled(title: str) -> Sequence[Element]:
    """The title as a child, if there is one."""
    return [element("title", said=title)] if title else []


def through(points: Iterable[Point]) -> str:
    """The path through points, straight from one to the next."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def number(value: float) -> str:
    """A number of a drawing: tenths are enough."""
    return f"{value + 0.0:.1f}".removesuffix(".0")


def _kept(said: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", said)
