"""What came of the nights, as a table, a document and a curve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from core.charts.axes import Axis
from core.charts.rows import Bar, Row, row_chart
from core.charts.scale import Scale
from core.charts.svg import Svg
from simulation.learning.learning_season import NAIVE, NEVER, THIS, NightFigures

_KINDS: Final = {NEVER: "series-1", NAIVE: "series-2", THIS: "plot-main"}
_WIDE: Final = 760.0
Nights = Mapping[str, Sequence[NightFigures]]


def markdown(found: Nights) -> str:
    """A row a night: false alarms of the newcomers, other false alarms, and bears found, for each policy."""
    policies = f"{NEVER} | {NAIVE} | {THIS}"
    lines = [f"| night | raccoons | false alarms: {policies} | bears: {policies} | what came of it |", "|---" * 9 + "|"]
    for never, naive, this in zip(found[NEVER], found[NAIVE], found[THIS], strict=True):
        alarms = " | ".join(str(each.newcomer_alarms) for each in (never, naive, this))
        bears = " | ".join(f"{each.found} of {each.bears}" for each in (never, naive, this))
        lines.append(f"| {never.night} | {never.newcomers} | {alarms} | {bears} | {this.said} |")
    return "\n".join([*lines, "", *_totals(found)])


def _totals(found: Nights) -> list[str]:
    return [
        f"{name}: {sum(n.newcomer_alarms for n in nights)} false alarms of {sum(n.newcomers for n in nights)} raccoons"
        f", {sum(n.other_alarms for n in nights)} of others, {sum(n.found for n in nights)} of "
        f"{sum(n.bears for n in nights)} bears found"
        for name, nights in found.items()
    ]


def as_document(found: Nights, seed: int) -> dict[str, Any]:
    """Everything as JSON values."""
    return {"seed": seed, "policies": {name: [asdict(each) for each in nights] for name, nights in found.items()}}


def write_nights(found: Nights, seed: int, folder: Path) -> None:
    """``learning.json``, ``.md`` and ``.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "learning.json").write_text(json.dumps(as_document(found, seed), indent=1) + "\n", encoding="utf-8")
    (folder / "learning.md").write_text(markdown(found) + "\n", encoding="utf-8")
    (folder / "learning.svg").write_text(newcomer_alarms(found) + "\n", encoding="utf-8")


def newcomer_alarms(found: Nights) -> Svg:
    """False alarms of the newcomers, night by night, for each policy."""
    rows = []
    for nights in zip(*found.values(), strict=True):
        alarms = [(name, each.newcomer_alarms) for name, each in zip(found, nights, strict=True)]
        bars = [Bar(float(count), str(count), name, _KINDS[name]) for name, count in alarms]
        rows.append(Row(f"night {nights[0].night}", bars))
    most = max((each.newcomers for nights in found.values() for each in nights), default=1)
    title = "False alarms of raccoons that moved in, by night"
    return row_chart(title, rows, Axis(Scale(0.0, float(most))), wide=_WIDE, alone=True)
