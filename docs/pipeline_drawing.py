"""Draw docs/pictures/pipeline.svg, the diagram of docs/pipeline.md: from the lens to the ranger, processes and what
lies between them. Tall and narrow, so that it can be read on a telephone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from core.charts.svg import Svg, element, finished, number, path, rect, text, through

ROOT: Final = Path(__file__).parents[1]
FILE: Final = ROOT / "docs" / "pictures" / "pipeline.svg"
TITLE: Final = "From the lens to the ranger: processes, Redis streams and the database between them"
WIDE: Final = 420.0
LINE: Final = 20.0
STYLE: Final = """
svg{--ink:#231f17;--soft:#5b5343;--paper:#fffcf3;--box:#ffffff;--line:#235a3c;--store:#f0e6cc;--edge:#cdc2a8}
@media (prefers-color-scheme:dark){
svg{--ink:#f3ecdc;--soft:#c9bfa9;--paper:#1d1a14;--box:#2a261d;--line:#7fc79e;--store:#3a3324;--edge:#5b5343}}
text{font:15px system-ui,sans-serif;fill:var(--soft)}
.name{font-weight:700;fill:var(--ink)}
.paper{fill:var(--paper)}
.process{fill:var(--box);stroke:var(--line);stroke-width:2}
.store{fill:var(--store);stroke:var(--edge)}
.person{fill:none;stroke:var(--soft);stroke-dasharray:5 4}
.way{stroke:var(--line);stroke-width:2;fill:none}
.head{fill:var(--line)}
"""


def drawing() -> Svg:
    """The whole picture."""
    high = 900.0
    parts = [element("style", said=STYLE), element("title", said=TITLE), rect("paper", 0, 0, WIDE, high), *_down()]
    size = {"xmlns": "http://www.w3.org/2000/svg", "view_box": f"0 0 {number(WIDE)} {number(high)}"}
    return finished(element("svg", "", *parts, **size, role="img", aria_label=TITLE))


def _down() -> Iterator[Element]:
    yield from _box("person", 16, 12, 388, "Camera", ["RTSP, HTTP MJPEG or a video file"])
    yield from _arrow(210, 66, 100, "pictures")
    yield from _box("process", 16, 102, 388, "bearwatch ingest", ["does it see, and what moved?"])
    yield from _arrow(210, 156, 190)
    yield from _box("store", 56, 192, 308, "Redis: frames, late", ["a picture with its motion boxes"])
    yield from _arrow(210, 246, 280)
    yield from _box("process", 16, 282, 388, "bearwatch detector", ["cuts crops, scores them, tests itself"])
    yield from _arrow(210, 336, 370)
    yield from _box("store", 56, 372, 308, "Redis: scores", ["each frame with the model's scores"])
    yield from _arrow(210, 426, 460)
    yield from _box(
        "process", 16, 462, 388, "bearwatch tracker", ["agreeing frames become one encounter;", "may it warn now?"]
    )
    yield from _arrow(210, 536, 570, "one transaction")
    yield from _box(
        "store", 16, 572, 388, "Database", ["encounter, alert, ledger entry;", "where permitted: a row of the outbox"]
    )
    columns = (
        (16.0, "ui", ["shows alerts,", "takes answers"], "Ranger", ["a bear? yes,", "no, unsure"]),
        (150.0, "jobs", ["sends the", "outbox"], "Campers", ["rangers, staff,", "sirens"]),
        (284.0, "controller", ["permission,", "breakers"], "Two people", ["promote; any", "one may stop"]),
    )
    for x, name, does, who, then in columns:
        yield from _arrow(x + 60, 646, 690, back=True)
        yield from _box("process", x, 692, 120, name, does)
        yield from _arrow(x + 60, 766, 810, back=name != "jobs")
        yield from _box("person", x, 812, 120, who, then)


def _box(kind: str, x: float, y: float, width: float, name: str, lines: Sequence[str]) -> Iterator[Element]:
    """A box with a name and lines below it; 54 high with one line, 74 with two."""
    outline = rect(kind, x, y, width, 34 + LINE * len(lines))
    outline.set("rx", "8")
    yield outline
    middle = x + width / 2
    yield text("name", middle, y + 22, name, "middle")
    for row, line in enumerate(lines, start=1):
        yield text("", middle, y + 22 + LINE * row, line, "middle")


def _arrow(x: float, top: float, bottom: float, said: str = "", *, back: bool = False) -> Iterator[Element]:
    """From ``top`` down to ``bottom``, with a head; ``back``: one at either end."""
    yield path("way", through([(x, top + (8 if back else 0)), (x, bottom - 8)]))
    yield _head(x, bottom, -9)
    if back:
        yield _head(x, top, 9)
    if said:
        yield text("", x + 12, (top + bottom) / 2 + 4, said)


def _head(x: float, tip: float, away: float) -> Element:
    return path("head", through([(x, tip), (x - 6, tip + away), (x + 6, tip + away)]) + "Z")


if __name__ == "__main__":
    FILE.write_text(f"{drawing()}\n")
    print(f"Drew {FILE.relative_to(ROOT)}")
