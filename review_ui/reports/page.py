"""``/reports``: the model beside the ranger, daily operations, the feedback loop, the rollout; to read and to take
away.

Whoever watches blind reads nothing of the campsite that they watch, whoever is limited to campsites of those alone:
:func:`review_ui.reports.view.readable` decides for every route here.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response

from review_ui.auth.accounts import Account
from review_ui.rendering.cursors import BeforeKey, Limit
from review_ui.reports.view import (
    TITLES,
    NothingToRead,
    ReportOut,
    ReportsOut,
    StoredOut,
    Wanted,
    archive,
    kinds_out,
    readable,
    report_for,
    snapshot_for,
    stored_text,
)
from review_ui.site import ReportReader, Site, SiteDep
from review_ui.web.page_chrome import page_chrome
from rollout.reports.document import Kind, Report
from rollout.reports.period import BadPeriod, parse_day
from rollout.reports.render import number_format
from rollout.reports.render.html_report import as_html
from rollout.reports.render.machine_readable import as_csv, as_json
from rollout.reports.render.plots import svg

router = APIRouter()

NO_SUCH_REPORT: Final = "There is no such report, or it is about a campsite that is hidden while you are on watch."
LISTED: Final = 50
"""Rows of a table on the page; the downloads have more."""
First = Annotated[str, Query(alias="from", max_length=10, description="first day, as 2027-01-15; empty: as usual")]
Last = Annotated[str, Query(alias="to", max_length=10, description="last day, it included; empty: as usual")]
Place = Annotated[str, Query(max_length=63, description="only this campsite; empty: all that you may read of")]
InDay = Annotated[str, InPath(pattern=r"^\d{4}-\d{2}-\d{2}$")]
InPlace = Annotated[str, InPath(max_length=63)]
CONTENT: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json", "html": "text/html; charset=utf-8"}


@router.get("/reports")
def reports_page(request: Request, site: SiteDep, account: ReportReader) -> Response:
    """Which reports there are, and the daily ones that were stored."""
    with site.database.read() as session:
        mine = readable(session, site, account, site.clock())
        context = {
            "chrome": page_chrome(session, site, account, site.clock()),
            "kinds": kinds_out(),
            "stored": archive(site).listed(mine.campsites),
            "names": _names(site),
            "blind": [_name(site, each) for each in mine.blind],
            "shapes": number_format.LIGHT_SHAPES,
        }
        return site.pages.render(request, "reports.html", context)


@router.get("/reports/stored/{day}/{campsite}/{suffix}")
def stored_report(site: SiteDep, account: ReportReader, day: str, campsite: str, suffix: str) -> Response:
    """A daily report as it was written, to take away."""
    if suffix not in ("html", "json"):
        raise HTTPException(404, NO_SUCH_REPORT)
    return _file(_stored(site, account, day, campsite, suffix), suffix, f"daily-{day}-{campsite}")


@router.get("/reports/{kind}")
def report_page(
    request: Request,
    site: SiteDep,
    account: ReportReader,
    kind: str,
    first: First = "",
    last: Last = "",
    campsite: Place = "",
) -> Response:
    """One report. Without days: the usual ones."""
    return _page(request, site, account, _kind(kind), Wanted(campsite, first, last))


@router.get("/reports/{kind}/{suffix}")
def report_file(
    site: SiteDep,
    account: ReportReader,
    kind: str,
    suffix: str,
    first: First = "",
    last: Last = "",
    campsite: Place = "",
) -> Response:
    """The same to take away: ``csv``, ``json``, or ``html`` as one self-contained page."""
    if suffix not in CONTENT:
        raise HTTPException(404, NO_SUCH_REPORT)
    report = _report(site, account, _kind(kind), Wanted(campsite, first, last))
    if suffix == "csv":
        text = as_csv(report)
    else:
        text = as_html(report) if suffix == "html" else json.dumps(as_json(report), ensure_ascii=False)
    return _file(text, suffix, f"{kind}-{report.period.first}-{report.period.last}")


@router.get("/api/v1/reports", summary="Which reports there are, and the stored daily ones")
def list_reports(site: SiteDep, account: ReportReader, before: BeforeKey = "", limit: Limit = 60) -> ReportsOut:
    """Of the campsites that you may read of now; stored daily reports newest first."""
    with site.database.read() as session:
        mine = readable(session, site, account, site.clock())
    day, _, campsite = before.partition("/")
    stored = archive(site).listed(mine.campsites, limit, (day, campsite) if before else None)
    more = f"{stored[-1].day}/{stored[-1].campsite}" if len(stored) == limit else None
    daily = [StoredOut.of(each) for each in stored]
    return ReportsOut(kinds=kinds_out(), daily=daily, next_before=more, blind_to=list(mine.blind))


@router.get("/api/v1/reports/{kind}", summary="One report")
def get_report(
    site: SiteDep, account: ReportReader, kind: Kind, first: First = "", last: Last = "", campsite: Place = ""
) -> ReportOut:
    """Made on request. Without days: of the daily report yesterday, of the rollout everything, else four weeks."""
    return ReportOut.of(_report(site, account, kind, Wanted(campsite, first, last)))


@router.get("/api/v1/reports/daily/{day}/{campsite}", summary="A stored daily report")
def get_stored(site: SiteDep, account: ReportReader, day: InDay, campsite: InPlace) -> ReportOut:
    """As it was written when its day was over."""
    return ReportOut.model_validate(json.loads(_stored(site, account, day, campsite, "json")))


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise HTTPException(404, NO_SUCH_REPORT) from None


def _report(site: Site, account: Account, kind: Kind, wanted: Wanted) -> Report:
    """For a program: what is wrong is a status."""
    snapshot = snapshot_for(site, kind)
    try:
        with site.database.read() as session:
            return report_for(session, site, account, kind, wanted, snapshot)
    except NothingToRead:
        raise HTTPException(404, NO_SUCH_REPORT) from None
    except BadPeriod as bad:
        raise HTTPException(422, f"{str(bad)[:1].upper()}{str(bad)[1:]}.") from None


def _stored(site: Site, account: Account, day: str, campsite: str, suffix: str) -> str:
    try:
        with site.database.read() as session:
            return stored_text(session, site, account, parse_day(day), campsite, suffix)
    except (NothingToRead, BadPeriod):
        raise HTTPException(404, NO_SUCH_REPORT) from None


def _file(text: str, suffix: str, name: str) -> Response:
    """Always to be saved: a report's own style is not what this site's pages are allowed."""
    headers = {"Content-Disposition": f'attachment; filename="bearwatch-{name}.{suffix}"'}
    return Response(text, media_type=CONTENT[suffix], headers=headers)


def _page(request: Request, site: Site, account: Account, kind: Kind, wanted: Wanted) -> Response:
    report, problem, status, snapshot = None, "", 200, snapshot_for(site, kind)
    with site.database.read() as session:
        mine = readable(session, site, account, site.clock())
        try:
            report = report_for(session, site, account, kind, wanted, snapshot)
        except BadPeriod as bad:
            problem, status = f"{str(bad)[:1].upper()}{str(bad)[1:]}.", 422
        except NothingToRead:
            if wanted.campsite and wanted.campsite not in mine.blind:
                raise HTTPException(404, NO_SUCH_REPORT) from None
        context = {
            "chrome": page_chrome(session, site, account, site.clock()),
            "kind": kind.value,
            "title": TITLES[kind],
            "kinds": kinds_out(),
            "report": report,
            "problem": problem,
            "wanted": wanted,
            "places": [(each, _name(site, each)) for each in mine.campsites],
            "blind": [_name(site, each) for each in mine.blind],
            "listed": LISTED,
            **_HELPERS,
        }
        return site.pages.render(request, "report.html", context, status=status)


_HELPERS: Final[dict[str, Any]] = {
    "plot": svg,
    "said": number_format.said,
    "interval": number_format.interval,
    "rests_on": number_format.rests_on,
    "cell": number_format.cell,
    "moment": number_format.moment,
    "shapes": number_format.LIGHT_SHAPES,
}


def _name(site: Site, campsite: str) -> str:
    known = site.config.campsites.get(campsite)
    return (known.name if known else None) or campsite


def _names(site: Site) -> dict[str, str]:
    return {each: _name(site, each) for each in site.config.campsites}
