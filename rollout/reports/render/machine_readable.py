"""Reports for machines: one JSON document, or one CSV table of everything. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from enum import Enum
from typing import Any, Final

from rollout.reports.document import NOT_ENOUGH, Cell, Figure, Panels, Plot, Report, Section, Table

CSV_COLUMNS: Final = ("section", "what", "item", "row", "column", "value", "low", "high", "sure", "n", "of", "note")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON values. Times are seconds since 1970; a number that is none is null."""
    return {
        "kind": report.kind.value,
        "title": report.title,
        "first_day": report.period.first.isoformat(),
        "last_day": report.period.last.isoformat(),
        "start": report.period.start,
        "end": report.period.end,
        "running": report.period.running,
        "timezone": report.period.timezone,
        "made_at": report.made_at,
        "model": report.model,
        "campsites": [asdict(place) for place in report.places],
        "light": report.worst.value,
        "answers": [{**asdict(answer), "light": answer.light.value} for answer in report.answers],
        "sections": [_section(section) for section in report.sections],
        "limits": list(report.limits),
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "key": section.key,
        "title": section.title,
        "words": list(section.words),
        "figures": [_figure(each) for each in section.figures],
        "plots": [_plot(each) for each in section.plots],
        "tables": [_table(each) for each in section.tables],
    }


def _figure(each: Figure) -> dict[str, Any]:
    return {
        "key": each.key,
        "label": each.label,
        "value": _real(each.value),
        "said": None if each.value is not None else NOT_ENOUGH,
        "form": each.form.value,
        "unit": each.unit,
        "low": _real(each.low),
        "high": _real(each.high),
        "sure": each.sure,
        "n": each.n,
        "of": each.of,
        "why": each.why,
        "note": each.note,
    }


def _plot(each: Plot) -> dict[str, Any]:
    found: dict[str, Any] = _plain(asdict(each))
    return found


def _plain(value: Any) -> Any:
    """As JSON can say it: an infinite e-value is null."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    return _real(value) if isinstance(value, float) else value


def _table(each: Table) -> dict[str, Any]:
    return {
        "key": each.key,
        "title": each.title,
        "columns": [{"key": c.key, "label": c.label, "form": c.form.value} for c in each.columns],
        "rows": [[_cell(value) for value in row] for row in each.rows],
        "left_out": each.left_out,
        "note": each.note,
    }


def _cell(value: Cell) -> Cell:
    return _real(value) if isinstance(value, float) else value


def _real(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def as_csv(report: Report) -> str:
    """Everything in one table, one line for each figure, each cell, and each point over time: :data:`CSV_COLUMNS`.

    Of a point, ``row`` is the moment (UTC seconds) and ``column`` what it is of.
    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    head = {
        "kind": report.kind.value,
        "first_day": report.period.first.isoformat(),
        "last_day": report.period.last.isoformat(),
        "timezone": report.period.timezone,
        "made_at": report.made_at,
        "campsites": " ".join(place.id for place in report.places),
        "model": report.model,
    }
    for name, value in head.items():
        writer.writerow(_line("report", "about", name, value))
    for answer in report.answers:
        writer.writerow(_line("answers", "answer", answer.key, answer.light.value, note=answer.words))
    for section in report.sections:
        for figure in section.figures:
            writer.writerow(_figure_line(section, figure))
        for table in section.tables:
            for number, row in enumerate(table.rows, 1):
                for column, cell in zip(table.columns, row, strict=True):
                    writer.writerow(_line(section.key, "cell", table.key, cell, number, column.key))
        for plot in section.plots:
            if isinstance(plot, Panels):
                writer.writerows(_points(section, plot))
    return out.getvalue()


def _points(section: Section, plot: Panels) -> Iterator[list[Any]]:
    for panel in plot.panels:
        for name, points in panel.series:
            for at, value in points:
                yield _line(section.key, "point", plot.key, value, f"{at:.0f}", f"{panel.key} {name}".strip())


def _figure_line(section: Section, figure: Figure) -> list[Any]:
    value = NOT_ENOUGH if figure.value is None else figure.value
    line = _line(section.key, "figure", figure.key, value, note=figure.why or figure.note)
    line[6:11] = [figure.low, figure.high, _safe(figure.sure), figure.n, _safe(figure.of)]
    return line


def _line(
    section: str, what: str, item: str, value: Cell, row: int | str = "", column: str = "", note: str = ""
) -> list[Any]:
    return [section, what, _safe(item), row, _safe(column), _safe(value), "", "", "", "", "", _safe(note)]


def _safe(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
