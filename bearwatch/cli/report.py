"""Report on the model beside the ranger, daily operations, the feedback loop, or the rollout: in words, as HTML, as
JSON or as CSV. Days are those of the campsites' calendar, the last one included.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bearwatch.site_options import add_site_options, site_settings
from core.clock import now_s
from core.redis_client import connect
from db.existing import open_existing
from db.migrate import upgrade
from db.places import sync_places
from rollout.breakers.telemetry_snapshot import collect_telemetry
from rollout.reports.build import campsites_known, make, timezone_of, usual_period
from rollout.reports.context import ReportContext
from rollout.reports.document import Kind, Report
from rollout.reports.period import parse_day
from rollout.reports.render.html_report import as_html
from rollout.reports.render.machine_readable import as_csv, as_json
from rollout.reports.render.number_format import interval, rests_on, said
from rollout.stages.spec_file import load_configured

KINDS = ("shadow", "daily", "loop", "rollout")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which report, about what, and where to."""
    parser.add_argument(
        "kind",
        choices=KINDS,
        help="shadow: the model beside the ranger; daily: campers, machines, costs and all that runs; loop: does the "
        "model steer where people look; rollout: the history of the rollout",
    )
    parser.add_argument("--campsite", action="append", help="only there; may be repeated; unset: everywhere")
    parser.add_argument("--from", dest="first", metavar="DATE", help="first day, as 2027-01-15")
    parser.add_argument("--to", dest="last", metavar="DATE", help="last day; unset: today, of daily yesterday")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as one self-contained page")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every figure and table cell as CSV")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    add_site_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when the report was made, whatever it says; 2 when it cannot be made as asked."""
    try:
        report = _make(arguments)
        _write(arguments, report)
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        print(f"bearwatch report: {error}", file=sys.stderr)
        return 2
    return 0


def _make(arguments: argparse.Namespace) -> Report:
    """Raises ValueError for a campsite or a period that there is not."""
    own = site_settings(arguments)
    with closing(open_existing(own.database)) as database, closing(connect(own.redis)) as client:
        config, plan = load_configured(arguments.config)
        now, kind = now_s(), Kind(arguments.kind)
        first, last = (None if text is None else parse_day(text) for text in (arguments.first, arguments.last))
        upgrade(database)
        with database.write() as session:
            sync_places(session, config)
        snapshot = collect_telemetry(client, config, now) if kind is Kind.DAILY else None
        with database.read() as session:
            known = campsites_known(session, config)
            unknown = sorted(set(arguments.campsite or ()) - set(known))
            if unknown:
                raise ValueError(f"no campsite {', '.join(unknown)}; there are {', '.join(known) or 'none'}")
            chosen = tuple(each for each in known if not arguments.campsite or each in arguments.campsite)
            days = usual_period(session, kind, timezone_of(config, chosen), now, first, last)
            asked = ReportContext(
                session, config, plan, days, chosen, now, everything=chosen == known, snapshot=snapshot
            )
            return make(kind, asked)


def _write(arguments: argparse.Namespace, report: Report) -> None:
    if arguments.html is not None:
        arguments.html.write_text(as_html(report), encoding="utf-8")
    if arguments.csv is not None:
        arguments.csv.write_text(as_csv(report), encoding="utf-8", newline="")
    if arguments.json:
        print(json.dumps(as_json(report), ensure_ascii=False))
        return
    for line in _lines(report):
        print(line)
    for file in filter(None, (arguments.html, arguments.csv)):
        print(f"Written: {file}")


def _lines(report: Report) -> Iterator[str]:
    """The report for a terminal: the answers, then every figure."""
    for answer in report.worst_first:
        yield f"[{answer.light.value.upper()}] {answer.question} {answer.words}"
    yield ""
    yield f"{report.title}. {report.period.words}. {', '.join(place.name for place in report.places)}."
    for section in report.sections:
        if section.figures:
            yield f"\n{section.title}"
        for figure in section.figures:
            parts = [part for part in (interval(figure), rests_on(figure), figure.why or figure.note) if part]
            yield f"  {figure.label}: {said(figure)}" + (f"  ({'; '.join(parts)})" if parts else "")
