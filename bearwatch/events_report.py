"""The event-level evaluation for people: one HTML page that needs nothing beside it, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from detector.evaluate.evaluation_page import STYLE

REPORT, NUMBERS = "events.html", "events.json"
COLUMNS = ("bears found", "recall", "half within", "90% within", "false alarms", "per camera-day, at most", "unknown")


def write_events_report(folder: Path, evaluation: Mapping[str, Any]) -> Path:
    """Write ``events.html`` and ``events.json`` into the folder; returns the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_text(json.dumps(evaluation, indent=1), encoding="utf-8")
    path = folder / REPORT
    path.write_text(as_html(evaluation), encoding="utf-8")
    return path


def as_html(evaluation: Mapping[str, Any]) -> str:
    """The whole page."""
    rule = evaluation["rule"]
    seconds = sum(each["seconds"] for each in evaluation["recordings"])
    parts = [
        "<h1>How well alerts find bears</h1>",
        f"<p>{len(evaluation['recordings'])} recordings, {seconds / 60:.0f} minutes, through the motion gate, the "
        f"network {escape(evaluation['model'])} and the tracker (evidence like {rule['min_hits']} agreeing frames in a "
        f"row, a visit ends after {rule['quiet_gap_s']:g} quiet seconds). Intervals are exact 95% "
        "intervals; the bound on false alarms is one-sided and takes them as independent. Minutes of footage bound "
        "little: zero false alarms here do not mean few per day.</p>",
        _table(evaluation["systems"]),
        "<h2>Recording by recording</h2>",
        *(f"<h3>{escape(name)}</h3>{_table(found)}" for name, found in evaluation["by_recording"].items()),
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Alerts</title><style>{STYLE}</style>'
    return f"{head}<body>{''.join(parts)}</body></html>"


def cells(found: Mapping[str, Any]) -> list[str]:
    """One row of the table, in the order of :data:`COLUMNS`."""
    recall, delay = found["recall"], found["seconds_to_alarm"]
    return [
        f"{found['found']} of {found['bear_visits']}",
        "-" if recall is None else f"{recall['recall']:.2f} ({recall['low']:.2f}-{recall['high']:.2f})",
        _seconds(delay["median"]),
        _seconds(delay["p90"]),
        str(found["false_alarms"]),
        "-" if found["at_most_per_camera_day"] is None else f"{found['at_most_per_camera_day']:g}",
        str(found["unknown_alarms"]),
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _table(systems: Mapping[str, Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows = "".join(
        f"<tr{' class=model' if place == 0 else ''}><td>{escape(name)}</td>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells(found))}</tr>"
        for place, (name, found) in enumerate(systems.items())
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"
