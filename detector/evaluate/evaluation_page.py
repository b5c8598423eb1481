"""The evaluation for people: one HTML file that needs nothing beside it, and the same as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from core.charts import STYLE as CHARTS
from core.charts.line import Line, unit_square
from detector.evaluate.contact import contact_sheet, worst
from detector.evaluate.figures import FALSE_POSITIVE_RATES
from detector.evaluate.scoring import Scored

REPORT, NUMBERS = "report.html", "evaluation.json"
STYLE = (
    """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child,td.who{text-align:left}tr.model td{font-weight:600}img{max-width:100%}
figure{display:inline-block;width:min(100%,24rem);margin:0 1rem 1rem 0}figcaption{font-weight:600}small{color:#555}
"""
    + CHARTS
)


def write_report(folder: Path, evaluation: Mapping[str, Any], scored: Scored) -> Path:
    """Write ``report.html`` and ``evaluation.json`` into the folder; returns the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NUMBERS).write_text(json.dumps(evaluation, indent=1), encoding="utf-8")
    sheet = contact_sheet(scored.pictures, scored.bear, worst(scored.pictures, scored.bear))
    path = folder / REPORT
    path.write_text(as_html(evaluation, sheet), encoding="utf-8")
    return path


def as_html(evaluation: Mapping[str, Any], sheet: bytes) -> str:
    """The whole page. ``sheet`` is the contact sheet, a JPEG, or empty."""
    model = evaluation["model"]
    parts = [
        f"<h1>How well {escape(model['name'])} tells bears</h1>",
        f"<p>{evaluation['pictures']} pictures, {evaluation['bears']} of them bears; seen as "
        f"{escape(model['view'])}; model digest {escape(model['digest'][:16])}. Intervals are exact 95% intervals "
        "(Clopper-Pearson), as if pictures were independent: bursts of one animal make them too narrow.</p>",
        _plots(evaluation["curves"]),
        "<h2>By slice</h2>",
        _slices(evaluation["slices"]),
        "<h2>With the model's own thresholds</h2>",
        "<p>Shares of the bears and of the others. An unknown animal goes to a ranger too.</p>",
        _at_thresholds(evaluation["at_thresholds"]),
        "<h2>What was called what</h2>",
        _confusion(evaluation["confusion"]),
        "<h2>The worst mistakes</h2>",
        "<p>The true label and the bear score. Bears that were missed, and others that were taken for bears.</p>",
        _image(sheet),
        "".join(f"<p><small>{escape(note)}</small></p>" for note in evaluation["notes"]),
        _undecodable(evaluation["undecodable"]),
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation</title><style>{STYLE}</style>'
    return f"{head}<body>{''.join(parts)}</body></html>"


def _plots(curves: Mapping[str, Any]) -> str:
    if not curves:
        return "<p>No curves: they need bears.</p>"
    drawn = [(who, found["precision_recall"]) for who, found in curves.items() if who != "never bear"]
    precision = [
        Line([(x, y) for x, y in points], who, f"plot-line series-{place}") for place, (who, points) in enumerate(drawn)
    ]
    reliable = [
        Line([(0.0, 0.0), (1.0, 1.0)], "as it should be", "plot-ideal"),
        Line([(x, y) for x, y, _ in curves["model"]["reliability"]], "model", dots=True),
    ]
    return _plot("Precision over recall", "recall", "precision", precision) + _plot(
        "Calibration", "mean score", "share of bears", reliable
    )


def _plot(title: str, across: str, up: str, lines: Sequence[Line]) -> str:
    drawn = unit_square(title, across, up, lines)
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def _slices(slices: Mapping[str, Mapping[str, Any]]) -> str:
    rates = "".join(f"<th>recall at {rate:.0%} FP</th>" for rate in FALSE_POSITIVE_RATES)
    rows = [f"<tr><th>slice</th><th></th><th>bears / all</th><th>AUC</th>{rates}<th>calibration error</th></tr>"]
    for name, found in slices.items():
        for place, (who, each) in enumerate(found.items()):
            first = f"<td>{escape(name) if place == 0 else ''}</td><td class=who>{escape(who)}</td>"
            count = f"<td>{each['bears']} / {each['pictures']}</td><td>{_number(each['auc'])}</td>"
            recalls = "".join(f"<td>{_recall(each['recalls'].get(str(rate)))}</td>" for rate in FALSE_POSITIVE_RATES)
            kind = " class=model" if who == "model" else ""
            rows.append(f"<tr{kind}>{first}{count}{recalls}<td>{_number(each['calibration'])}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _at_thresholds(slices: Mapping[str, Mapping[str, float | None]]) -> str:
    columns = {
        "recall": "bears told as bears",
        "unknown_bears": "bears told as unknown animals",
        "false_positives": "others told as bears",
        "unknown_others": "others told as unknown animals",
    }
    head = "".join(f"<th>{title}</th>" for title in columns.values())
    rows = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{_number(found[key])}</td>' for key in columns)}</tr>"
        for name, found in slices.items()
    )
    return f"<table><tr><th>slice</th>{head}</tr>{rows}</table>"


def _number(value: float | None) -> str:
    return "&ndash;" if value is None else f"{value:.3f}"


def _recall(found: Mapping[str, float] | None) -> str:
    if found is None:
        return "&ndash;"
    return f"{found['recall']:.2f} <small>{found['low']:.2f}&ndash;{found['high']:.2f}</small>"


def _confusion(rows: Mapping[str, Mapping[str, int]]) -> str:
    said = sorted({label for row in rows.values() for label in row})
    head = "".join(f"<th>{escape(label)}</th>" for label in said)
    body = "".join(
        f"<tr><td>{escape(true)}</td>{''.join(f'<td>{row.get(label, 0)}</td>' for label in said)}</tr>"
        for true, row in rows.items()
    )
    return f"<table><tr><th>true, and called &rarr;</th>{head}</tr>{body}</table>"


def _image(sheet: bytes) -> str:
    if not sheet:
        return "<p>None.</p>"
    encoded = base64.b64encode(sheet).decode()
    return f'<img alt="Contact sheet of the worst mistakes" src="data:image/jpeg;base64,{encoded}">'


def _undecodable(found: Sequence[Mapping[str, str]]) -> str:
    if not found:
        return ""
    items = "".join(f"<li>{escape(each['why'])}</li>" for each in found)
    return f"<h2>Pictures that could not be decoded</h2><ul>{items}</ul>"
