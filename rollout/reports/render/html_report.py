"""A report as one HTML file that needs nothing beside it: to be mailed, printed, and kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

from core.charts import STYLE as CHARTS
from rollout.reports.document import Answer, Figure, Form, Plot, Report, Section, Table
from rollout.reports.render.number_format import LIGHT_SHAPES, cell, interval, moment, rests_on, said
from rollout.reports.render.plots import svg

STYLE: Final = (Path(__file__).parent / "report.css").read_text() + CHARTS


def as_html(report: Report) -> str:
    """The whole report as one document."""
    title = f"{report.title}, {report.period.words}"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            _head(report),
            '<ul class="answers">',
            *(_answer(each) for each in report.worst_first),
            "</ul>",
            *(_section(each, report.period.timezone) for each in report.sections),
            _limits(report),
            "</body></html>",
        ]
    )


def _head(report: Report) -> str:
    places = ", ".join(place.name for place in report.places) or "no campsite"
    model = f" Model {escape(report.model)}." if report.model else ""
    made = moment(report.made_at, report.period.timezone)
    return (
        f"<h1>{escape(report.title)}</h1><p>{escape(report.period.words)}. {escape(places)}.{model}</p>"
        f'<p class="soft">Made {escape(made)} ({escape(report.period.timezone)}). All times are on that clock.</p>'
    )


def _answer(answer: Answer) -> str:
    light = answer.light.value
    return (
        f'<li class="light-{light.replace(" ", "-")}"><b>{escape(answer.question)}</b>'
        f'<span class="state">{LIGHT_SHAPES[light]} {escape(light)}:</span> {escape(answer.words)}</li>'
    )


def _section(section: Section, timezone: str) -> str:
    return "".join(
        [
            f"<section><h2>{escape(section.title)}</h2>",
            *(f"<p>{escape(each)}</p>" for each in section.words),
            _figures(section.figures),
            *(_plot(each) for each in section.plots),
            *(_table(each, timezone) for each in section.tables),
            "</section>",
        ]
    )


def _figures(figures: tuple[Figure, ...]) -> str:
    if not figures:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(each.label)}</th><td class="number">{escape(said(each))}</td>'
        f"<td>{escape(interval(each))}</td><td>{escape(rests_on(each))}</td>"
        f"<td>{escape(each.why or each.note)}</td></tr>"
        for each in figures
    )
    head = "".join(f'<th scope="col">{each}</th>' for each in ("Figure", "Value", "Interval", "Rests on", "Remark"))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _plot(plot: Plot) -> str:
    return f"<figure><figcaption>{escape(plot.title)}</figcaption>{svg(plot)}</figure>"


def _table(table: Table, timezone: str) -> str:
    if not table.rows:
        return f"<h3>{escape(table.title)}</h3><p>{escape(table.empty)}</p>"
    head = "".join(f'<th scope="col"{_right(each.form)}>{escape(each.label)}</th>' for each in table.columns)
    return (
        f'<div class="wide"><table><caption>{escape(table.title)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(_rows(table, timezone))}</tbody></table></div>{_remark(table)}"
    )


def _rows(table: Table, timezone: str) -> Iterator[str]:
    for row in table.rows:
        cells = (
            f"<td{_right(column.form)}>{escape(cell(value, column.form, timezone))}</td>"
            for column, value in zip(table.columns, row, strict=True)
        )
        yield f"<tr>{''.join(cells)}</tr>"


def _right(form: Form) -> str:
    return "" if form in (Form.TEXT, Form.TIME) else ' class="number"'


def _remark(table: Table) -> str:
    more = f"{table.left_out:,} more are not listed." if table.left_out else ""
    said = f"{table.note} {more}".strip()
    return f'<p class="soft">{escape(said)}</p>' if said else ""


def _limits(report: Report) -> str:
    if not report.limits:
        return ""
    lines = "".join(f"<li>{escape(each)}</li>" for each in report.limits)
    return f"<section><h2>What this report does not know</h2><ul>{lines}</ul></section>"
