"""``/nights/{date}``: one night of several cameras on one page, and what they showed at any moment of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from core.charts.strip import Mark, ruler, strip
from core.night_span import Night, date_of, night, parse_date
from db import weather
from db.models import AlertStatus, Weather
from review_ui.auth.access_scope import access_scope
from review_ui.auth.accounts import Account
from review_ui.nights.scrub import NearestPicture, shots
from review_ui.nights.view import CameraRow, SiteRow, moments, rows
from review_ui.nights.weather_view import weather_row
from review_ui.site import Site, SiteDep, Viewer
from review_ui.web.page_chrome import page_chrome

router = APIRouter()

NO_SUCH_NIGHT: Final = "There is no such night. Write the date as /nights/2027-01-15."
NO_SUCH_PLACE: Final = "There is no such campsite among yours."
MOST_MOMENTS: Final = 400
"""More lines than this nobody reads; the rows above show them all."""
STEPS_S: Final = (-600, -60, 60, 600)
VISIT_TOP: Final[dict[str, int]] = {
    AlertStatus.CONFIRMED: 2,
    AlertStatus.OPEN: 2,
    AlertStatus.UNSURE: 10,
    AlertStatus.REJECTED: 19,
}
"""What was decided is told by height too, not by colour alone."""

At = Annotated[float | None, Query(allow_inf_nan=False)]
Place = Annotated[str, Query(max_length=63)]


@dataclass(frozen=True, slots=True)
class NightScope:
    """Which campsites a page is about: one of them, or all of one region."""

    night: Night
    campsites: tuple[str, ...]
    chosen: str
    at: float


@router.get("/nights")
def last_night(site: SiteDep, account: Viewer, campsite: Place = "") -> Response:
    """The night that is, or was last."""
    places = _places(site, account, campsite)
    day = date_of(site.clock(), site.config.regions[site.config.campsites[places[0]].region].timezone)
    return RedirectResponse(f"/nights/{day}" + (f"?campsite={campsite}" if campsite else ""), status_code=303)


@router.get("/nights/{date}")
def night_page(
    request: Request, site: SiteDep, account: Viewer, date: str, campsite: Place = "", at: At = None
) -> Response:
    """One night."""
    scope = _scope(site, account, date, campsite, at)
    now = site.clock()
    with site.database.read() as session:
        around = page_chrome(session, site, account, now)
        sites = _rows(session, site, account, scope, now)
        if at is None:
            scope = replace(scope, at=_newest(sites, scope.at))
        told = _weather(session, site, scope)
        context = {
            "chrome": around.about(campsite) if campsite else around,
            "scope": scope,
            "night": scope.night,
            "ruler": ruler((tick.x, tick.label) for tick in scope.night.ticks()),
            "sites": sites,
            "strips": {row.id: _camera_strip(row, scope) for each in sites for row in each.cameras},
            "weather": {key: weather_row(scope.night, found) for key, found in told.items()},
            "people": {each.id: _people_strip(each, scope) for each in sites},
            "moments": moments(sites),
            "most": MOST_MOMENTS,
            "places": [(key, site.config.campsites[key].name or key) for key in _reachable(site, account)],
            **_scrub(session, site, account, scope, now),
        }
        return site.pages.render(request, "night.html", context)


@router.get("/nights/{date}/frames")
def night_frames(
    request: Request, site: SiteDep, account: Viewer, date: str, campsite: Place = "", at: At = None
) -> Response:
    """The part of the page that follows the cursor."""
    scope = _scope(site, account, date, campsite, at)
    with site.database.read() as session:
        context = {"scope": scope, "night": scope.night, **_scrub(session, site, account, scope, site.clock())}
        return site.pages.render(request, "_night_frames.html", context)


class ShotOut(BaseModel):
    """What one camera showed."""

    camera: str
    picture: str | None
    at: float | None
    about: bool = Field(description="true when the time is only known to about a minute")

    @classmethod
    def of(cls, shot: NearestPicture) -> Self:
        """From a shot."""
        address = shot.picture.url if shot.picture else None
        return cls(camera=shot.camera_id, picture=address, at=shot.at, about=shot.about)


class VisitOut(BaseModel):
    """One encounter."""

    encounter: int
    alert: int | None
    first_at: float
    last_at: float
    status: AlertStatus | None = Field(description="null without an alert, and while `second_review`")
    second_review: bool = Field(description="you may take a second review: what was decided first is hidden until then")


class AuditOut(BaseModel):
    """A camera-hour that somebody has looked through, blind."""

    hour_at: float
    bear: str
    by: str


class CameraNightOut(BaseModel):
    """One camera's night."""

    camera: str
    campsite: str
    hidden: bool = Field(description="true while you are on watch: what the model saw here is left out")
    unscored: list[tuple[float, float]]
    visits: list[VisitOut]
    audits: list[AuditOut]


class PeopleNightOut(BaseModel):
    """What people did at one campsite."""

    campsite: str
    sightings: list[dict[str, Any]]
    watches: list[dict[str, Any]]


class NightWeatherOut(BaseModel):
    """What somebody measured. What nobody measured is null."""

    campsite: str
    own: bool = Field(description="measured at the campsite; false: somewhere in its region")
    at: float
    temperature_c: float | None
    rain_mm: float | None = Field(description="what fell in the hour before `at`")
    wind_ms: float | None
    sky: str
    source: str

    @classmethod
    def of(cls, campsite: str, row: Weather) -> Self:
        """From an observation."""
        return cls(
            campsite=campsite, own=row.place.startswith("campsite:"), at=row.at, temperature_c=row.temperature_c,
            rain_mm=row.rain_mm, wind_ms=row.wind_ms, sky=row.sky, source=row.source,
        )  # fmt: skip


class NightOut(BaseModel):
    """One night: from noon to noon by the campsites' clock, 23 to 25 hours."""

    date: str
    timezone: str
    start: float
    end: float
    cameras: list[CameraNightOut]
    people: list[PeopleNightOut]
    weather: list[NightWeatherOut] = Field(description="empty while nobody has told of any")


@router.get("/api/v1/nights/{date}", summary="One night of a campsite, or of all campsites of a region")
def get_night(site: SiteDep, account: Viewer, date: str, campsite: Place = "") -> NightOut:
    """The same as the page, as JSON."""
    scope = _scope(site, account, date, campsite, None)
    with site.database.read() as session:
        sites = _rows(session, site, account, scope, site.clock())
        told = [
            NightWeatherOut.of(campsite, row)
            for campsite, found in _weather(session, site, scope).items()
            for row in found
        ]
    return NightOut(
        date=str(scope.night.day),
        timezone=scope.night.timezone,
        start=scope.night.start,
        end=scope.night.end,
        cameras=[_camera_out(row) for each in sites for row in each.cameras],
        people=[_people_out(each) for each in sites],
        weather=told,
    )


@router.get("/api/v1/nights/{date}/frames", summary="What each camera showed at one moment of a night")
def get_night_frames(site: SiteDep, account: Viewer, date: str, campsite: Place = "", at: At = None) -> list[ShotOut]:
    """One picture a camera, where there is one."""
    scope = _scope(site, account, date, campsite, at)
    with site.database.read() as session:
        found = _scrub(session, site, account, scope, site.clock())["shots"]
    return [ShotOut.of(shot) for shot in found]


def _reachable(site: Site, account: Account) -> list[str]:
    return [key for key in site.config.campsites if account.covers(key)]


def _places(site: Site, account: Account, campsite: str) -> tuple[str, ...]:
    """The chosen campsite, or all campsites of the first region in which this person has any."""
    reachable = _reachable(site, account)
    if (campsite and campsite not in reachable) or not reachable:
        raise HTTPException(404, NO_SUCH_PLACE)
    if campsite:
        return (campsite,)
    region = site.config.campsites[reachable[0]].region
    return tuple(key for key in reachable if site.config.campsites[key].region == region)


def _scope(site: Site, account: Account, date: str, campsite: str, at: float | None) -> NightScope:
    day = parse_date(date)
    if day is None:
        raise HTTPException(404, NO_SUCH_NIGHT)
    places = _places(site, account, campsite)
    found = night(day, site.config.regions[site.config.campsites[places[0]].region].timezone)
    moment = found.clamp(site.clock() if at is None else at)
    return NightScope(found, places, campsite, math.floor(moment))


def _rows(session: Session, site: Site, account: Account, scope: NightScope, now: float) -> tuple[SiteRow, ...]:
    access = access_scope(session, account, now, site.match_rule)
    return rows(session, site.config, scope.night, scope.campsites, access, account.id, now)


def _newest(sites: tuple[SiteRow, ...], at: float) -> float:
    """Where a night is opened: at its newest visit, else at ``at``."""
    visits = [visit.first_at for each in sites for row in each.cameras for visit in row.visits]
    return math.floor(max(visits)) if visits else at


def _weather(session: Session, site: Site, scope: NightScope) -> dict[str, tuple[Weather, ...]]:
    region = site.config.campsites[scope.campsites[0]].region
    return weather.between(session, scope.campsites, region, scope.night.start, scope.night.end)


def _scrub(session: Session, site: Site, account: Account, scope: NightScope, now: float) -> dict[str, Any]:
    access = access_scope(session, account, now, site.match_rule)
    found = shots(session, site.media, site.config, scope.campsites, access, scope.at)
    steps = [(step, scope.at + step) for step in STEPS_S if scope.night.holds(scope.at + step)]
    return {"shots": found, "steps": steps}


def _camera_strip(row: CameraRow, scope: NightScope) -> Any:
    x = scope.night.x
    scored = [
        Mark(x(band.start), x(band.end), "mark-scored", top=30)
        if band.scored
        else Mark(x(band.start), x(band.end), "mark-blind", "nobody looked")
        for band in row.bands
    ]
    visits = [
        Mark(x(v.first_at), x(v.last_at), f"mark-visit-{v.mark}", v.words,
             VISIT_TOP.get(v.mark, 19), 30, _link(scope, v.first_at))
        for v in row.visits
    ]  # fmt: skip
    audits = [
        Mark(x(a.hour_at), x(a.hour_at + 3600), "mark-audit", f"audited by {a.by}: {a.bear}", 34) for a in row.audits
    ]
    return strip([*scored, *audits, *visits], x(scope.at))


def _people_strip(row: SiteRow, scope: NightScope) -> Any:
    x = scope.night.x
    watches = [Mark(x(w.start), x(w.end), "mark-watch", f"{w.by} watched", 24, 40) for w in row.watches]
    sightings = [
        Mark(x(s.at), x(s.at) + 4, "mark-sighting", f"{s.by}: {s.what}", 0, 24, _link(scope, s.at))
        for s in row.sightings
    ]
    return strip([*watches, *sightings], x(scope.at))


def _link(scope: NightScope, at: float) -> str:
    place = f"campsite={scope.chosen}&" if scope.chosen else ""
    return f"/nights/{scope.night.day}?{place}at={at:.0f}"


def _camera_out(row: CameraRow) -> CameraNightOut:
    return CameraNightOut(
        camera=row.id,
        campsite=row.campsite_id,
        hidden=row.hidden,
        unscored=[(band.start, band.end) for band in row.bands if not band.scored],
        visits=[
            VisitOut(
                encounter=v.encounter_id,
                alert=v.alert_id,
                first_at=v.first_at,
                last_at=v.last_at,
                status=v.status,
                second_review=v.second_review,
            )
            for v in row.visits
        ],
        audits=[AuditOut(hour_at=a.hour_at, bear=a.bear, by=a.by) for a in row.audits],
    )


def _people_out(row: SiteRow) -> PeopleNightOut:
    return PeopleNightOut(
        campsite=row.id,
        sightings=[{"id": s.id, "at": s.at, "what": s.what, "by": s.by, "blind": s.blind} for s in row.sightings],
        watches=[{"start": w.start, "end": w.end, "by": w.by, "open": w.open} for w in row.watches],
    )
