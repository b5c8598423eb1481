"""A report as one HTML file that needs nothing beside it: to be mailed, printed, and kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from rollout.reports.document import Answer, Figure, Form, Plot, Report, Section, Table
from rollout.reports.plots import svg
from rollout.reports.words import LIGHT_SHAPES, cell, interval, moment, rests_on, said

STYLE: Final = """
:root{color-scheme:light dark;--ink:#231f17;--soft:#5b5343;--line:#cdc2a8;--ground:#fffcf3;--accent:#235a3c;--bear:#a8320a;
--unsure:#6b5410;--clear:#2b5872}
@media (prefers-color-scheme:dark){:root{--ink:#ece6d5;--soft:#b0a993;--line:#4a4e40;--ground:#14160f;--accent:#8fcb9f;
--bear:#ff8a4c;--unsure:#e0c067;--clear:#8cc0dc}}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem;
color:var(--ink);background:var(--ground)}
h1{font-size:1.7rem;line-height:1.15;margin:0}h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-top:2px solid var(--line);
padding-top:.8rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.4rem 0;max-width:48rem}small,.soft{color:var(--soft)}
ul.answers{list-style:none;margin:1rem 0;padding:0;display:grid;gap:.5rem}.answers li{border:2px solid var(--line);
border-left-width:.6rem;border-radius:.4rem;padding:.5rem .8rem}.answers b{display:block}.light-act{border-color:var(--bear)!important}
.light-look{border-color:var(--unsure)!important}.light-fine{border-color:var(--accent)!important}
.answers .state{font-weight:700;text-transform:uppercase;letter-spacing:.04em}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}.number{text-align:right;white-space:nowrap}caption{text-align:left;font-weight:600;padding:.6rem 0 .2rem}
figure{margin:.8rem 0}figcaption{font-weight:600}svg.plot{width:100%;max-width:44rem;height:auto;display:block}
.plot text{font:13px system-ui,sans-serif;fill:var(--soft)}.plot .plot-label,.plot .plot-value{fill:var(--ink)}
.plot-grid{stroke:var(--line);fill:none}.plot-line{stroke:var(--accent);stroke-width:2.5;fill:none}
.plot-limit{stroke:var(--bear);stroke-width:1.5;stroke-dasharray:6 4;fill:none}.plot-interval{stroke:var(--accent);stroke-width:5;opacity:.45}
.plot-spot circle{fill:var(--accent)}.plot-baseline circle{fill:var(--soft)}.plot-baseline .plot-interval{stroke:var(--soft)}
.plot-people circle{fill:var(--clear)}.plot-people .plot-interval{stroke:var(--clear)}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--ground:#fff;--accent:#14532d;--bear:#8a2400;--unsure:#5c4700;--clear:#1d4a63}
body{padding:0;font-size:11pt;max-width:none}h2{break-after:avoid}figure,.answers li,tr{break-inside:avoid}.wide{overflow:visible}}
"""


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
            *(_answer(each) for each in report.answers),
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
        f"<td>{escape(interval(each))}</td><td>{escape(rests_on(each))}</td><td>{escape(each.why or each.note)}</td></tr>"
        for each in figures
    )
    head = "".join(f'<th scope="col">{each}</th>' for each in ("Figure", "Value", "Interval", "Rests on", "Remark"))
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _plot(plot: Plot) -> str:
    return f"<figure><figcaption>{escape(plot.title)}</figcaption>{svg(plot)}</figure>"


def _table(table: Table, timezone: str) -> str:
    if not table.rows:
        return f"<h3>{escape(table.title)}</h3><p>{escape(table.empty)}</p>"
    head = "".join(f'<th scope="col">{escape(column.label)}</th>' for column in table.columns)
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
